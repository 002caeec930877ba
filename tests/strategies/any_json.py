"""Any JSON value as Python sees it once parsed: lone surrogates, huge numbers and Kling's own words included."""

from hypothesis import strategies as st

WORDS = [
    *("id", "task_id", "status", "task_status", "message", "task_status_msg", "data", "code", "result"),
    *("created_at", "updated_at", "create_time", "update_time", "external_id", "external_task_id", "task_info"),
    *("task_result", "videos", "images", "audios", "elements", "outputs", "type", "url", "watermark_url", "url_mp3"),
    *("duration", "references", "role", "billing", "amount", "charge_type", "package_type", "currency"),
    *("final_unit_deduction", "final_balance_deduction", "quota"),
]
VALUES = [
    *("succeed", "succeeded", "failed", "deleted", "", "0", "2.5", "video", "820000000000000001", "\ud800", "\x00"),
    *("https://v15.klingai.com/a.mp4?ksTime=694fa816", "http://", "https://[", "Expires=1e9"),
]
NUMBERS = [0, -1, 10**11, 10**12, 10**30, 10**4000, 1e308, float("inf"), float("-inf"), float("nan"), True]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(), max_size=20),
    st.sampled_from(VALUES),
    st.sampled_from(NUMBERS),
)
keys = st.one_of(st.sampled_from(WORDS), st.text(st.characters(), max_size=8))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=8)),
    max_leaves=30,
)


@st.composite
def mutated(draw, original):
    """Return the JSON value with some of its parts replaced, removed or wrapped, at any depth."""
    match draw(st.integers(0, 11)):
        case 0:
            return draw(values)
        case 1:
            return [original]
        case 2:
            return {"data": original}
    if isinstance(original, dict):
        kept = {key: draw(mutated(value)) for key, value in original.items() if draw(st.integers(0, 9))}
        return {**kept, **(draw(st.dictionaries(keys, values, max_size=2)) if draw(st.booleans()) else {})}
    if isinstance(original, list):
        return [draw(mutated(value)) for value in original]
    return original
