"""What discovery leaves out, told by the command, over processes alone."""

import json
from pathlib import Path

from tests.support.product import SLUG, Product
from tests.support.sandbox import Sandbox

FILES = Path(__file__).parents[1] / "files"
NAMES = ("one_without_id", "zd_float_ids", "zd_same_id_two_locales")


def test_the_command_says_what_was_left_out_and_lists_the_rest(tmp_path: Path):
    trees = [json.loads((FILES / f"discover_{name}.json").read_text())[0] for name in NAMES]
    for provider, tree in {"notion": [], "zendesk": trees, "confluence": []}.items():
        (tmp_path / f"{provider}.json").write_text(json.dumps(tree))
    with (
        Sandbox.start(per_minute=0, catalogue=tmp_path) as sandbox,
        Product(sandbox.url, sandbox.key) as product,
    ):
        product.worker()
        done = product.command("discover", SLUG, "zendesk", "--wait")
        assert done.stdout.splitlines()[-1] == "1"
        assert done.stderr.splitlines() == [
            (
                "1 item without an ID was left out: “Draft” (https://acme.zendesk.com/hc/de/articles/)."
                " It may be a draft: publish it, and discover again."
            ),
            (
                "1 item is listed with an ID that came as a number too long to be exact: “Big” (36001234567890123456)."
                " Compare the ID with the address before you register it."
            ),
            (
                "1 title was dropped, for its ID stands further up with another title or address:"
                " “Retouren” (77, listed as “Returns”). One ID is one source: the first title stays."
            ),
        ]
        listed = json.loads(product.command("export_resources", SLUG, "zendesk").stdout)
        assert [(resource["externalId"], resource["title"]) for resource in listed] == [
            ("781", "Good"),
            ("360012345670", "Float"),
            ("36001234567890123456", "Big"),
            ("360012345671", "Float2"),
            ("77", "Returns"),
        ]
