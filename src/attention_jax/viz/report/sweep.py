"""A sweep's page: its best config as a command, its trials, and what made the difference."""

import dataclasses
import json
import warnings
from collections.abc import Mapping, Sequence

import optuna
import plotly.graph_objects as go
from optuna import visualization
from optuna.trial import TrialState

from attention_jax.viz.report.charts import Chart
from attention_jax.viz.report.numbers import called, written
from attention_jax.viz.report.page import fill


@dataclasses.dataclass(frozen=True)
class Trial:
    """A trial as the page shows it.

    Attributes:
      value: the best of its evaluations; None where it had none.
      state: in a word.
      seconds: wall time.
      choices: config value by dotted name.
    """

    number: int
    value: float | None
    state: str
    seconds: float
    choices: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Found:
    """What a sweep found.

    Attributes:
      experiment: its name and arg.
      path: of the sweep's folder.
      metric: that the trials are compared by.
      sentence: how many trials there are of each kind.
      command: that trains the best config.
      trials: the best first.
    """

    experiment: str
    path: str
    metric: str
    sentence: str
    command: str
    trials: Sequence[Trial]

    @property
    def keys(self) -> list[str]:
        """Of all choices, in the experiment's order."""
        return list(dict.fromkeys(key for trial in self.trials for key in trial.choices))


def render(found: Found, study: optuna.Study, made: str) -> str:
    """The page as HTML that asks for nothing from outside.

    Args:
      found: with one finished trial at least.
      study: that it is from.
      made: when, for a reader.
    """
    charts = _charts(study, found.metric)
    return fill(
        "sweep.html.jinja",
        command="sweep",
        charted=bool(charts),
        found=found,
        charts=charts,
        made=made,
        title=found.experiment,
    )


def _charts(study: optuna.Study, metric: str) -> list[Chart]:
    """Optuna's own, in the page's colours."""
    done = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
    varied = {name for trial in done for name in trial.params}
    varied = {name for name in varied if len({str(t.params.get(name)) for t in done}) > 1}
    if not varied:
        return []
    name = called(metric)
    lines = visualization.plot_parallel_coordinate(study, target_name=name)
    summary = f"{len(done)} trials by their choices, coloured by {name}"
    charts = [_chart(lines, "All trials, a line each; the darker the better", summary)]
    if len(varied) > 1 and len({trial.value for trial in done}) > 1:
        with warnings.catch_warnings():
            # Choices that only some trials have are left out of it, as it says.
            warnings.simplefilter("ignore")
            shares = optuna.importance.get_param_importances(study)
            figure = visualization.plot_param_importances(study, target_name=name)
        told = "; ".join(f"{key} {written(share)}" for key, share in shares.items())
        title = f"How much of the variance of {name} each choice explains"
        charts.append(_chart(figure, title, told, series=0))
    history = visualization.plot_optimization_history(study, target_name=name)
    charts.append(_chart(history, f"{name} as the trials came", f"{len(done)} trials", series=0))
    return charts


def _chart(figure: go.Figure, title: str, summary: str, series: int | None = None) -> Chart:
    figure.update_layout(template="none", title=None, margin={"l": 60, "r": 40, "t": 40, "b": 60})
    if series is not None:
        figure.update_xaxes(zeroline=False, automargin=True, title=None)
        figure.update_yaxes(zeroline=False, automargin=True, title=None)
        for number, trace in enumerate(figure.data):
            trace.meta = {"series": series + number}
    # By way of plotly's JSON, which has arrays as lists and no NaN.
    return Chart(title, f"{title}: {summary}", json.loads(figure.to_json()))
