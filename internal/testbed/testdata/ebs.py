"""Writes and reads snapshots by boto3, which was not written here. Prints what Go compares."""
import base64
import hashlib
import json

import boto3
from botocore.exceptions import ClientError

ebs, ec2 = boto3.client("ebs"), boto3.client("ec2")
SIZE = 512 * 1024


def sha256(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def put(snapshot, index, data, checksum=None, length=SIZE):
    return ebs.put_snapshot_block(
        SnapshotId=snapshot, BlockIndex=index, BlockData=data, DataLength=length, Checksum=checksum or sha256(data), ChecksumAlgorithm="SHA256")


def complete(snapshot, *blocks):
    total = b"".join(hashlib.sha256(block).digest() for block in blocks)
    ebs.complete_snapshot(
        SnapshotId=snapshot, ChangedBlocksCount=len(blocks), Checksum=sha256(total), ChecksumAlgorithm="SHA256", ChecksumAggregationMethod="LINEAR")


def refusal(call, *positional, **arguments):
    try:
        call(*positional, **arguments)
    except ClientError as e:
        return [e.response["Error"]["Code"], e.response.get("Reason", "")]
    return "accepted"


def listed(pages, member):
    blocks = []
    while True:
        page = pages()
        blocks += page[member]
        if "NextToken" not in page:
            return blocks
        token = page["NextToken"]
        first = pages
        pages = lambda: first(NextToken=token)


one, two, zero = b"1" * SIZE, b"2" * SIZE, b"\0" * SIZE
parent = ebs.start_snapshot(VolumeSize=1, ClientToken="a", Tags=[{"Key": "k", "Value": "v"}])["SnapshotId"]
again = ebs.start_snapshot(VolumeSize=1, ClientToken="a", Tags=[{"Key": "k", "Value": "v"}])["SnapshotId"]
errors = {
    "token": refusal(ebs.start_snapshot, VolumeSize=2, ClientToken="a"),
    "pending parent": refusal(ebs.start_snapshot, VolumeSize=1, ParentSnapshotId=parent),
    "checksum": refusal(put, parent, 0, one, sha256(two)),
    "short": refusal(put, parent, 0, b"short", None, SIZE),
    "beyond": refusal(put, parent, 2048, one),
    "unknown": refusal(put, "snap-00000000000000000", 0, one),
    "unreadable": refusal(ebs.list_snapshot_blocks, SnapshotId=parent),
}
put(parent, 7, two)
put(parent, 3, two)
put(parent, 3, one)  # replaces
errors["count"] = refusal(complete, parent, one)
errors["sum"] = refusal(complete, parent, two, one)
complete(parent, one, two)
errors["put after"] = refusal(put, parent, 1, one)
state = ec2.describe_snapshots(SnapshotIds=[parent])["Snapshots"][0]

errors["encrypted and parent"] = refusal(ebs.start_snapshot, VolumeSize=1, ParentSnapshotId=parent, Encrypted=False)
errors["smaller"] = "accepted"
child = ebs.start_snapshot(VolumeSize=2, ParentSnapshotId=parent)["SnapshotId"]
errors["unrelated owner"] = refusal(ebs.start_snapshot, VolumeSize=1, ParentSnapshotId="snap-00000000000000000")
put(child, 7, zero)
complete(child, zero)
ec2.describe_snapshots(SnapshotIds=[child])
errors["smaller"] = refusal(ebs.start_snapshot, VolumeSize=1, ParentSnapshotId=child)
lonely = ebs.start_snapshot(VolumeSize=1)["SnapshotId"]
complete(lonely)
ec2.describe_snapshots(SnapshotIds=[lonely])
errors["unrelated"] = refusal(ebs.list_changed_blocks, FirstSnapshotId=parent, SecondSnapshotId=lonely)

blocks = listed(lambda **more: ebs.list_snapshot_blocks(SnapshotId=child, **more), "Blocks")
contents = {}
for block in blocks:
    got = ebs.get_snapshot_block(SnapshotId=child, BlockIndex=block["BlockIndex"], BlockToken=block["BlockToken"])
    data = got["BlockData"].read()
    assert got["Checksum"] == sha256(data) and got["DataLength"] == len(data) == SIZE
    contents[str(block["BlockIndex"])] = chr(data[0])
errors["block token"] = refusal(ebs.get_snapshot_block, SnapshotId=child, BlockIndex=3, BlockToken=blocks[1]["BlockToken"])
changed = listed(lambda **more: ebs.list_changed_blocks(FirstSnapshotId=parent, SecondSnapshotId=child, **more), "ChangedBlocks")

print(json.dumps({
    "again": again == parent, "state": [state["State"], state["VolumeSize"], state["Tags"][0]["Value"]], "contents": contents,
    "changed": [block["BlockIndex"] for block in changed], "errors": errors,
}))
