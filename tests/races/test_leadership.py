"""Many contenders for one lease: exactly one gets it, each time it is free."""

from functools import partial

import pytest

from objects_app.models import Lease
from objects_app.queries import upkeep
from tests.races.threads import race

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

PARTIES = 12
ROUNDS = 20


def take(number: int) -> bool:
    return upkeep.take_lease(name="chore", holder=f"holder {number}", seconds=60)


@pytest.mark.parametrize("before", ["no row", "ran out"])
def test_of_many_contenders_exactly_one_leads(before: str) -> None:
    for _ in range(ROUNDS):
        Lease.objects.all().delete()
        if before == "ran out":
            upkeep.take_lease(name="chore", holder="a dead one", seconds=0)

        taken = race(*(partial(take, number) for number in range(PARTIES)))

        assert sorted(taken) == [False] * (PARTIES - 1) + [True]
        assert Lease.objects.get().holder == f"holder {taken.index(True)}"
