"""MetaSchedule's search, for functions that armlet has no template for: its space, evolution and cost model.

Its loop stands here instead of MetaSchedule's, whose builders and runners are processes with folders and logs
of their own: a trial is compiled and measured as all code of armlet's is.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tvm
from tvm import tirx
from tvm.s_tir import meta_schedule as ms

from ...errors import ArmletError
from ...targets import Core

# Schedules that are measured for a function, and in one go; those of them that are worth keeping.
TRIALS, BATCH, BEST = 64, 16, 3
SEED = 1
# Populations of hundreds, as MetaSchedule has them, take longer to make than to measure.
EVOLUTION = {"population_size": 32, "init_min_unmeasured": 8, "genetic_num_iters": 1}


class Found(NamedTuple):
    """A schedule, as the trace that makes it, and what the function costs with it."""

    trace: Any
    cost: float


def search(
    function: tirx.PrimFunc, core: Core, measure: Callable[[tirx.PrimFunc], float | None]
) -> list[Found]:
    """The cheapest BEST of TRIALS schedules of `function` for `core`.

    `measure` gives the cost of what a schedule makes of it, None if that fails. The same costs lead to the
    same schedules: a search that was ended goes on if it is begun again, and costs that are known are given
    again. Raises ArmletError if xgboost is missing.
    """
    target = tvm.target.Target(core.tvm_target())
    context = _context(function, target, _space(core))
    database, model, found = ms.database.MemoryDatabase(), _cost_model(), []
    workload = database.commit_workload(context.mod)
    context.pre_tuning(TRIALS, BATCH, database=database, cost_model=model)
    while candidates := _with_seed(context.generate_measure_candidates):
        results = []
        for candidate in candidates:
            schedule = candidate.sch
            cost = measure(schedule.mod["main"])
            if cost is None:
                results.append(ms.runner.RunnerResult(None, "failed"))
                continue
            results.append(ms.runner.RunnerResult([cost], None))
            record = (schedule.trace, workload, [cost], target, candidate.args_info)
            database.commit_tuning_record(ms.database.TuningRecord(*record))
            found.append(Found(_plain(schedule.trace.as_json()), cost))
        model.update(context, candidates, results)
        context.notify_runner_results(candidates, results)
    context.post_tuning()
    return sorted(found, key=lambda each: each.cost)[:BEST]


def _context(function: tirx.PrimFunc, target: tvm.target.Target, space: ms.SpaceGenerator) -> ms.TuneContext:
    """What its constructor makes, which first spends half a minute on the intrinsics of every GPU."""
    module = tvm.IRModule({"main": function.with_attr({"global_symbol": "main", "tirx.noalias": True})})
    strategy = ms.search_strategy.EvolutionarySearch(**EVOLUTION)
    make, initialize = (
        tvm.get_global_func(f"s_tir.meta_schedule.TuneContext{step}") for step in ("", "Initialize")
    )
    context = make(module, target, space, strategy, "main", 1, SEED, lambda level, file, line, words: None)
    initialize(context)
    return context


def _with_seed(action: Callable[[], Any]) -> Any:
    """The result of `action`, which draws scores from numpy's global generator before the model knows any."""
    state = np.random.get_state()
    np.random.seed(SEED)
    try:
        return action()
    finally:
        np.random.set_state(state)


def _plain(value: Any) -> Any:
    """A trace, which is lists of lists, without TVM's own numbers: what JSON can hold."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.value if isinstance(value, tirx.IntImm | tirx.FloatImm) else value


def _cost_model() -> ms.CostModel:
    try:
        return ms.cost_model.XGBModel(num_warmup_samples=BATCH, num_tuning_cores=1, tree_method="exact")
    except ImportError as error:
        raise ArmletError("the search for schedules wants xgboost: pip install 'armlet[tune]'") from error


def _space(core: Core) -> ms.SpaceGenerator:
    """MetaSchedule's rules for a processor, less threads: a network runs in one."""
    rule = ms.schedule_rule
    return ms.space_generator.PostOrderApply(
        sch_rules=[
            rule.InlineConstantScalars(),
            rule.AutoInline(
                into_producer=False,
                into_consumer=True,
                inline_const_tensor=True,
                disallow_if_then_else=True,
                require_injective=True,
                require_ordered=True,
                disallow_op=["tirx.exp"],
            ),
            rule.MultiLevelTiling(
                structure="SSRSRS",
                max_innermost_factor=64,
                reuse_write=rule.ReuseType(req="may", levels=[1, 2], scope="global"),
            ),
            rule.ParallelizeVectorizeUnroll(
                max_jobs_per_core=-1,
                max_vectorize_extent=core.vector_bytes,
                unroll_max_steps=[0, 16, 64, 512],
                unroll_explicit=True,
            ),
            rule.RandomComputeLocation(),
        ],
        postprocs=[
            ms.postproc.DisallowDynamicLoop(),
            ms.postproc.RewriteParallelVectorizeUnroll(),
            ms.postproc.RewriteReductionBlock(),
        ],
        mutator_probs={
            ms.mutator.MutateTileSize(): 0.9,
            ms.mutator.MutateComputeLocation(): 0.05,
            ms.mutator.MutateUnroll(): 0.05,
        },
    )
