"""From a weight file's 19 numbers to the thirteen classes, and wrong orders found out."""

from collections.abc import Callable

import numpy as np
import pytest

from labels import classes
from labels.parsing.order_check import FACES, OrderCheck
from labels.parsing.orders import ORDERS, order_of, table
from pipeline.errors import UserError

# From one order's numbers to the other's, by hand.
TO_CELEBAMASK = np.array(
    [0, 1, 6, 7, 4, 5, 3, 8, 9, 15, 2, 10, 11, 12, 17, 16, 18, 13, 14], np.uint8
)
Faces = list[tuple[np.ndarray, ...]]


@pytest.fixture(scope="module")
def faces(parsed_photographs: Faces) -> Faces:
    """Real maps in the order of face-parsing.PyTorch, and the landmarks of their photographs."""
    return [(numbers, landmarks[:, :2]) for _, numbers, landmarks in parsed_photographs]


def test_the_public_checkpoints_numbers_become_the_thirteen():
    assert table("zllrunning").tolist() == [
        *(0, 1, 2, 3, 4, 5, 6, 7, 8),  # background, skin, brows, eyes, eyeglasses, ears
        0,  # earring
        *(9, 10, 11, 12),  # nose, mouth, upper and lower lip
        *(0, 0, 0, 0, 0),  # neck, necklace, cloth, hair, hat
    ]


def test_celebamasks_numbers_become_the_thirteen():
    # background, skin, nose, eyeglasses, eyes, brows, ears, mouth, lips, and six of background
    wanted = [0, 1, 9, 6, 4, 5, 2, 3, 7, 8, 10, 11, 12, 0, 0, 0, 0, 0, 0]
    assert table("celebamask").tolist() == wanted
    assert (table("celebamask")[TO_CELEBAMASK] == table("zllrunning")).all()
    assert all(len(set(names)) == 19 for names in ORDERS.values())


def test_named_weights_have_their_order_and_other_files_must_say_theirs():
    assert order_of("bisenet", None) == "zllrunning"
    assert order_of("bisenet-resnet18", "zllrunning") == "zllrunning"
    assert order_of("own.pth", "celebamask") == "celebamask"
    with pytest.raises(UserError, match=r"^parse\.order: own\.pth .*zllrunning, celebamask$"):
        order_of("own.pth", None)
    with pytest.raises(UserError, match=r"parse\.order: 'atts' is none of zllrunning, celebamask"):
        order_of("own.pth", "atts")
    with pytest.raises(UserError, match=r"parse\.order: the classes of bisenet are .* zllrunning"):
        order_of("bisenet", "celebamask")


def test_the_right_order_is_never_doubted(faces: Faces):
    for order, change in (("zllrunning", np.arange(19)), ("celebamask", TO_CELEBAMASK)):
        check = OrderCheck(order)
        for _ in range(10):
            for numbers, points in faces:
                check.see(change[numbers], points)
        assert (check.judged, check.against) == (40, 0)


def test_one_face_is_enough_where_the_other_order_fits(faces: Faces):
    for numbers, points in faces:
        with pytest.raises(UserError, match=r"parse\.order: celebamask .* in the order zllrunning"):
            OrderCheck("celebamask").see(numbers, points)
        with pytest.raises(UserError, match=r"parse\.order: zllrunning .* in the order celebamask"):
            OrderCheck("zllrunning").see(TO_CELEBAMASK[numbers], points)


@pytest.mark.parametrize("change", [lambda n: (n + 18) % 19, lambda n: (n + 3) % 19])
@pytest.mark.parametrize("order", list(ORDERS))
def test_an_order_of_no_table_takes_several_faces(
    faces: Faces, order: str, change: Callable[[np.ndarray], np.ndarray]
):
    check = OrderCheck(order)
    wrong = [(change(numbers.astype(int)).astype(np.uint8), points) for numbers, points in faces]
    assert len(wrong) == FACES
    for numbers, points in wrong[:-1]:
        check.see(numbers, points)
    with pytest.raises(UserError, match=r"parse\.order: .*4 of 4 faces"):
        check.see(*wrong[-1])


def test_bad_faces_among_good_ones_refuse_nothing(faces: Faces):
    check = OrderCheck("zllrunning")
    for numbers, points in faces:
        check.see(((numbers.astype(int) + 3) % 19).astype(np.uint8), points)
        check.see(numbers, points)
    assert (check.judged, check.against) == (8, 4)


def test_maps_that_draw_no_face_say_nothing(faces: Faces):
    check = OrderCheck("zllrunning")
    points = faces[0][1]
    rng = np.random.default_rng(1)
    for number in range(19):  # one class all over, as from a dark picture
        check.see(np.full((1024, 1024), number, np.uint8), points)
    for _ in range(20):  # blots, as from weights that were never trained
        blots = rng.integers(0, 19, (16, 16)).astype(np.uint8)
        check.see(blots.repeat(64, 0).repeat(64, 1), points)
        check.see(rng.integers(0, 19, (1024, 1024)).astype(np.uint8), points)
    check.see(faces[0][0], points + 2000)  # the face lies outside
    assert check.against == 0


def test_hands_and_masks_before_a_face_say_nothing(faces: Faces):
    check = OrderCheck("zllrunning")
    for numbers, points in faces:
        covered = numbers.copy()
        covered[np.isin(table("zllrunning")[covered], (classes.NOSE, classes.UPPER_LIP))] = 0
        check.see(covered, points)
    assert check.against == 0
