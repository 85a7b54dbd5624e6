/**
 * The one loop that all traced attacks share: batching, dropping finished samples, restarts, budgets, abort, seeds and the
 * count of passes. What an attack adds is its start and its step.
 */
import { float32, sizeOf, takeRows, type NDArray } from '@saddlepoint/autodiff'
import { gradientRules } from '../gradients/index.ts'
import { suffices } from '../model/target.ts'
import { perturbations } from '../perturbations/index.ts'
import type { Perturbation } from '../perturbations/perturbation.ts'
import { AttackOptionError } from './attack.ts'
import type {
  AttackBatch,
  AttackControl,
  AttackOutcome,
  AttackSetting,
  ConfiguredAttack,
  PreparedAttack,
} from './attack.ts'
import { parseLoss } from '../losses/index.ts'
import { Chain } from './chain.ts'
import type { TracedProgram } from './program.ts'
import { joined, mapValues, partOf, Run } from './run.ts'
import { asState, Tracer } from './tracer.ts'

/** Room for the steps of one round in the numbering of random draws. */
const ROUND_STRIDE = 2 ** 20

/** Values of samples that one evaluation of many probes may hold: 32 MiB, which activations multiply. */
const PROBED_VALUES = 2 ** 23

/** Traces and loads an attack for one model, norm and criterion. */
export async function prepare(attack: ConfiguredAttack, setting: AttackSetting): Promise<PreparedAttack> {
  const { definition, from } = attack
  const rule = gradientRules[attack.options.gradient]
  const needed = definition.access === 'gradient' && rule ? rule.access : definition.access
  if (!suffices(setting.model.access, needed))
    throw new AttackOptionError(
      `${attack.name} needs ${needed === 'gradient' ? 'gradients' : needed}, and ${setting.model.name} gives ${setting.model.access} only: ` +
        `use an attack for ${setting.model.access} (\`saddle attacks\` lists them)`,
    )
  const norms = definition.norms ?? (definition.perturbation && [definition.perturbation.name])
  if (norms && !norms.includes(setting.perturbation.name))
    throw new AttackOptionError(
      `${attack.name} is for ${norms.join(', ')}, not for ${setting.perturbation.name}`,
    )
  if (definition.additive && setting.perturbation.parametric)
    throw new AttackOptionError(
      `${attack.name} adds to the samples, and ${setting.perturbation.name} is a set of parameters: use pgd or uniform-noise`,
    )
  if (definition.several && !setting.model.members)
    throw new AttackOptionError(
      `${attack.name} is for several models at once: add --substitute A.onnx B.onnx, or use ensemble([a, b])`,
    )
  const tracer = new Tracer(attack, setting)
  const [start, step, check, finish] = await Promise.all([
    tracer.start(),
    tracer.step(),
    tracer.check(),
    tracer.finish(),
  ])
  const prepared = new TracedAttack(attack, setting, { start, step, check, finish }, tracer)
  if (!from) return prepared
  const perturbation = ownNorm(from, setting.perturbation)
  const first = await prepare(from, { ...setting, perturbation, loss: parseLoss(from.options.loss) })
  return new Chain(first, prepared, definition.kind === 'minimum-norm')
}

/** The perturbation set that was asked for, or else the first that an attack is made for. */
function ownNorm({ definition: { norms, kind } }: ConfiguredAttack, asked: Perturbation): Perturbation {
  if (kind !== 'minimum-norm' || !norms || norms.includes(asked.name)) return asked
  return perturbations[norms[0]!] ?? asked
}

type Programs = Readonly<Record<'start' | 'step' | 'check', TracedProgram>> & {
  readonly finish: TracedProgram | undefined
}
type State = Readonly<Record<string, NDArray>>

class TracedAttack implements PreparedAttack {
  private readonly attack: ConfiguredAttack
  private readonly setting: AttackSetting
  private readonly programs: Programs
  private readonly passes: Tracer['passes']
  private readonly width: number
  private readonly parameters: readonly number[] | undefined

  constructor(
    attack: ConfiguredAttack,
    setting: AttackSetting,
    programs: Programs,
    { passes, width, parameters }: Tracer,
  ) {
    this.attack = attack
    this.setting = setting
    this.programs = programs
    this.passes = passes
    this.width = width
    this.parameters = parameters
  }

  async run(batch: AttackBatch, control: AttackControl = {}): Promise<AttackOutcome> {
    const most = Math.max(1, Math.floor(PROBED_VALUES / (this.width * sizeOf(this.setting.model.shape))))
    if (this.width === 1 || batch.samples.length <= most) return this.together(batch, control)
    const parts: AttackOutcome[] = []
    for (let from = 0; from < batch.samples.length; from += most)
      parts.push(await this.together(partOf(batch, from, from + most), control))
    return joined(parts)
  }

  private async together(batch: AttackBatch, control: AttackControl): Promise<AttackOutcome> {
    const run = new Run(batch, control, this.minimum, this.parameters)
    for (let round = 0; round < this.rounds && run.standing.length; round++) await this.round(run, round)
    return run.outcome()
  }

  private get minimum(): boolean {
    return this.attack.definition.kind === 'minimum-norm'
  }

  private get rounds(): number {
    const { definition, options } = this.attack
    if (definition.rounds) return definition.rounds(options, this.setting.model.classes) * options.restarts
    // Without a random draw every restart would be the same run again.
    return this.programs.start.random || this.programs.step.random ? options.restarts : 1
  }

  private async round(run: Run, round: number): Promise<void> {
    const { definition, options } = this.attack
    const everyIterate = options.iterates === 'every'
    const place = (step: number) => run.place(round * ROUND_STRIDE + step)
    // A model that draws random numbers is judged at other draws than those it was attacked at.
    const judged = (step: number) => round * ROUND_STRIDE + ROUND_STRIDE / 2 + step
    const shared = { round: float32([], [round]) }
    if (!run.affords(this.passes.start)) return
    let state: State = asState(await this.programs.start.run({ ...run.feeds(), ...shared }, place(0)))
    run.count(this.passes.start)
    const steps = definition.steps(options, sizeOf(this.setting.model.shape))
    const extra = definition.finish?.steps(options) ?? 0
    for (let i = 0; i < steps + extra; i++) {
      const finishing = i >= steps
      if (i === steps) state = run.rejoin(state)
      if (!run.standing.length) continue
      const passes = this.passes[finishing ? 'finish' : 'step']
      if (!run.affords(passes)) break
      const program = finishing ? this.programs.finish! : this.programs.step
      const feeds = { ...run.feeds(), ...state, ...shared, step: float32([], [finishing ? i - steps : i]) }
      const { success, hit, ...results } = await program.run(feeds, place(i + 1))
      run.count(passes)
      const next = asState(results)
      const found = this.minimum ? next : hit ? { ...state, 'state.p': hit } : state
      const done = this.minimum
        ? run.reached(next['state.best.size']!)
        : everyIterate && success
          ? run.successes(success)
          : []
      if (done.length) await this.settle(run, found, done, judged(i))
      state = done.length ? run.drop(next, done) : next
      if (state['state.done'] && !finishing) state = run.park(state, run.successes(state['state.done']))
      run.report(round * (steps + extra) + i + 1)
    }
    state = run.rejoin(state)
    if (run.standing.length) await this.settle(run, state, undefined, judged(steps + extra))
  }

  /** Judges the given rows (all when absent) once more as they will be handed out, inside their bounds, and keeps what holds. */
  private async settle(
    run: Run,
    state: State,
    done: readonly number[] | undefined,
    step: number,
  ): Promise<void> {
    const positions = done ?? run.standing.map((_, i) => i)
    const feeds = { ...run.feeds(), ...state }
    const chosen = done ? mapValues(feeds, (a) => takeRows(a, done)) : feeds
    const { success, size, ...found } = await this.programs.check.run(
      { ...chosen, round: float32([], [0]) },
      run.place(step, positions),
    )
    run.countAt(positions, (this.setting.model.draws ?? 1) * (this.setting.model.members?.models.length ?? 1))
    run.keep(positions, success!, size!, found)
    if (!done) run.drop({}, this.minimum ? run.reached(size!) : run.successes(success!))
  }

  async release(): Promise<void> {
    await Promise.all(Object.values(this.programs).map((p) => p?.release()))
  }
}
