"""`affectkit export RUN`: a trained model to a file that runs without affectkit."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "export",
        help="a model to torch.export or ONNX, compared with the original",
        description=(
            "Export the best checkpoint of a run, or a model that was shared, for batches of any size. What "
            "was exported is compared with the model on batches of other sizes, and only written where it "
            "gives the same answers. The file says what its inputs, outputs and labels are."
        ),
    )
    parser.add_argument(
        "folder", metavar="RUN", help="run folder, checkpoint, folder of `save_pretrained`, hf:OWNER/NAME"
    )
    parser.add_argument(
        "--to",
        required=True,
        choices=("torch-export", "onnx"),
        help='format; onnx needs `pip install "affectkit[export]"`',
    )
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="file to write")
    parser.add_argument(
        "--length",
        type=_positive,
        metavar="N",
        help="turns, tokens or samples that an input has (default: of the run's data, else 16, 128, 4 s)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Export and say how far it is from the model."""
    from affectkit.predict.local_model import local_model
    from affectkit.share import export_run

    report = export_run(local_model(options.folder), options.out, form=options.to, length=options.length)
    print(f"written:  {report.path} ({report.size / 1000:,.1f} kB)")
    for spec in report.inputs:
        shape = " x ".join(("batch", *map(str, spec.shape)))
        print(f"reads:    {spec.name}, {spec.dtype} {shape}: {spec.meaning}")
    print(f"gives:    {', '.join(report.outputs)}")
    rows = " and ".join(map(str, report.parity.rows))
    print(
        f"parity:   differs by at most {report.parity.difference:.2g} on batches of {rows} rows "
        f"({report.parity.tolerance:.2g} allowed)"
    )
    return 0


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is no length: give 1 or more")
    return value
