"""Makes frozen values quicker to make, for those that are made by the dozen for every callback."""

from dataclasses import MISSING, Field, fields
from types import MemberDescriptorType
from typing import Any, TypeVar

T = TypeVar("T")


def fast_init(cls: type[T]) -> type[T]:
    """Give a frozen, slotted dataclass with keyword-only fields an `__init__` that fills its slots directly.

    The one that `dataclass` writes goes through `object.__setattr__`, which looks each field up anew and takes half as
    long again. Everything else about the class stays, the parameters of its `__init__` with their defaults and
    annotations included. TypeError for any other class, and for one whose `__init__` has more to do.
    """
    own_fields = fields(cls)  # type: ignore[arg-type]  # TypeError for what is no dataclass
    if not cls.__dataclass_params__.frozen:  # type: ignore[attr-defined]  # as above
        raise TypeError(f"{cls.__name__} is not frozen")
    if hasattr(cls, "__post_init__"):
        raise TypeError(f"{cls.__name__}.__post_init__ would not be called")
    parameters, lines, names = [], [], {}
    for field in own_fields:
        names[f"set_{field.name}"] = _slot_of(cls, field).__set__
        if field.default is MISSING:
            parameters.append(field.name)
        else:
            names[f"default_{field.name}"] = field.default
            parameters.append(f"{field.name}=default_{field.name}")
        lines.append(f"    set_{field.name}(self, {field.name})")
    source = "\n".join([f"def __init__(self, *, {', '.join(parameters)}):", *lines])
    written: dict[str, Any] = {}
    exec(source, names, written)  # noqa: S102 - as `dataclass` itself does; the names are those of our own fields
    init = written["__init__"]
    init.__annotations__ = cls.__init__.__annotations__
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    cls.__init__ = init  # type: ignore[method-assign]
    return cls


def _slot_of(cls: type, field: Field[Any]) -> MemberDescriptorType:
    slot = getattr(cls, field.name, None)
    if not isinstance(slot, MemberDescriptorType):
        raise TypeError(f"{cls.__name__}.{field.name} has no slot")
    if not field.kw_only:
        raise TypeError(f"{cls.__name__}.{field.name} is not keyword-only")
    if not field.init or field.default_factory is not MISSING:
        raise TypeError(f"{cls.__name__}.{field.name} is not simply given")
    return slot
