"""Prints what TensorBoard reads in a directory of event files, as JSON.

Usage: read-events.py DIRECTORY
"""

import json
import sys

from tensorboard.backend.event_processing import event_accumulator

accumulator = event_accumulator.EventAccumulator(
    sys.argv[1],
    size_guidance={event_accumulator.SCALARS: 0, event_accumulator.TENSORS: 0},
)
accumulator.Reload()
tags = accumulator.Tags()
print(
    json.dumps(
        {
            "version": accumulator.file_version,
            "scalars": {
                tag: [[event.step, event.value] for event in accumulator.Scalars(tag)]
                for tag in tags["scalars"]
            },
            "texts": {
                tag: [
                    [event.step, event.tensor_proto.string_val[0].decode()]
                    for event in accumulator.Tensors(tag)
                ]
                for tag in tags["tensors"]
            },
            "plugins": {
                tag: accumulator.SummaryMetadata(tag).plugin_data.plugin_name
                for tag in tags["tensors"]
            },
        }
    )
)
