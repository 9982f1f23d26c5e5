"""A report for pictures, written by `wandb-workspaces`."""

import wandb_workspaces.reports.v2 as wr


def main() -> None:
    grid = wr.PanelGrid(runsets=[wr.Runset(project="handwriting")], panels=[wr.LinePlot(y=["train/loss"]), wr.BarPlot(metrics=["train/acc"])])
    blocks = [wr.H1("What the rates do"), wr.P("High rates learn sooner; the curves say how long each took."), grid]
    wr.Report(project="handwriting", title="Learning rates", description="Six runs of one network.", blocks=blocks).save()


if __name__ == "__main__":
    main()
