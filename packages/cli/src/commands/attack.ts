/** `saddle attack`: attacks single pictures or arrays, and writes what it finds. */
import { takeRows, type NDArray } from '@saddlepoint/autodiff'
import type { Command } from 'commander'
import { join } from 'node:path'
import { chosenFor, type Classifier } from 'saddlepoint'
import { search, stack, targetOf } from '../attack-samples.ts'
import { columns } from '../columns.ts'
import { writeFileAtomic, writeNpy, writePng } from '../data/index.ts'
import { UsageError } from '../errors.ts'
import { figure, type Ranked } from '../figure.ts'
import type { Input } from '../inputs.ts'
import { versions } from '../versions.ts'
import { batchFor, engineOf } from './open.ts'
import { isPicture, openInputs, outputOf } from './open-inputs.ts'
import { checkTarget, planFlags, planOf, radiiOf, type Plan, type PlanFlags } from './plan.ts'
import {
  commonFlags,
  integer,
  modelFlags,
  printJson,
  talk,
  type CommonFlags,
  type ModelFlags,
} from './shared.ts'

interface Flags extends CommonFlags, ModelFlags, PlanFlags {
  label?: number
  out: string
}

export function attackCommand(program: Command): void {
  const command = program
    .command('attack')
    .description('attack given pictures or arrays; writes adversarials, figures and JSON')
    .argument('<model>', 'ONNX file (.onnx or .onnx.gz)')
    .argument('<inputs...>', 'picture files, or .npy of one sample or a batch')
    .option('--label <n>', "true class of the inputs; the model's own prediction if absent", integer)
    .option('--out <folder>', 'where the adversarials are written', 'adversarial')
  commonFlags(modelFlags(planFlags(command))).action(run)
}

async function run(path: string, files: string[], flags: Flags): Promise<void> {
  const voice = talk(flags)
  const plan = await planOf(flags)
  if (plan.eps.length > 1 || plan.perturbations.length > 1)
    throw new UsageError('attack takes one norm and one eps', { hint: 'saddle evaluate takes several' })
  const engine = engineOf(flags, voice)
  try {
    const { classifier, inputs, skipped } = await openInputs(path, files, flags, engine, voice)
    checkTarget(plan, classifier, path)
    const own = await radiiOf(plan, inputs.length)
    const radii = inputs.map((_, i) => plan.eps[0]! * (own?.[i] ?? 1))
    const results: Result[] = []
    const step = classifier.batch > 0 ? classifier.batch : batchFor(classifier.shape)
    for (let from = 0; from < inputs.length; from += step)
      results.push(
        ...(await attackBatch(
          classifier,
          inputs.slice(from, from + step),
          from,
          plan,
          radii.slice(from, from + step),
          flags,
        )),
      )
    await finish(path, results, skipped, plan, flags)
  } finally {
    await engine.close()
  }
}

interface Result {
  readonly input: string
  readonly label: number
  readonly target?: number
  readonly before: readonly Ranked[]
  readonly after: readonly Ranked[]
  /** The attack that succeeded, or the last one tried. */
  readonly attack?: string
  /** Adversarial on the untouched model, within bounds and eps. */
  readonly success: boolean
  readonly successAfterRounding: boolean
  /** The model was wrong before any attack. */
  readonly wrongBefore: boolean
  readonly size: number
  readonly forwards: number
  readonly backwards: number
  readonly files: Readonly<Record<string, string>>
}

async function attackBatch(
  classifier: Classifier,
  inputs: readonly Input[],
  offset: number,
  plan: Plan,
  radii: readonly number[],
  flags: Flags,
): Promise<Result[]> {
  const x = stack(inputs.map((i) => i.x))
  const scores = await classifier.predict(x)
  const rank = (s: NDArray, row: number) => classifier.ranking(s, row, 5).map((r) => named(classifier, r))
  const own = classifier.decide(scores).map((d) => d.label)
  const label = flags.label === undefined ? undefined : outputOf(classifier, '--label', flags.label)
  const labels = own.map((o) => label ?? o)
  const targets = labels.map((l, i) => targetOf(classifier, scores, i, offset + i, l, plan, flags.seed))
  const found = await search(classifier, x, labels, targets, offset, plan, radii, flags.seed)
  const after = await classifier.predict(found.adversarials)
  return Promise.all(
    inputs.map(async ({ source, name }, i): Promise<Result> => {
      const before = rank(scores, i)
      const row = takeRows(found.adversarials, [i])
      const original = takeRows(x, [i])
      const ranked = rank(after, i)
      return {
        input: source,
        label: labels[i]!,
        ...(plan.criterion.targeted ? { target: targets[i]! } : {}),
        before,
        after: ranked,
        attack: found.attack[i],
        success: found.verified[i]!.holds,
        successAfterRounding: found.verified[i]!.holdsRounded,
        wrongBefore: own[i] !== labels[i],
        size: found.verified[i]!.size,
        forwards: found.forwards[i]!,
        backwards: found.backwards[i]!,
        files: await writeFiles(join(flags.out, name), name, original, row, before, ranked),
      }
    }),
  )
}

async function writeFiles(
  path: string,
  title: string,
  original: NDArray,
  adversarial: NDArray,
  before: readonly Ranked[],
  after: readonly Ranked[],
): Promise<Record<string, string>> {
  const files: Record<string, string> = { npy: `${path}.npy` }
  await writeNpy(files['npy']!, { ...adversarial, dims: adversarial.dims.slice(1) })
  if (!isPicture(adversarial)) return files
  files['png'] = `${path}.png`
  files['figure'] = `${path}.svg`
  await writePng(files['png'], adversarial)
  const svg = await figure({
    title,
    shape: adversarial.dims.slice(1) as [number, number, number],
    original: original.data as Float32Array,
    adversarial: adversarial.data as Float32Array,
    before,
    after,
  })
  await writeFileAtomic(files['figure'], svg)
  return files
}

async function finish(
  path: string,
  results: readonly Result[],
  skipped: readonly object[],
  { attacks, perturbations: [perturbation], eps: [eps], radiiFile, criterion }: Plan,
  flags: Flags,
): Promise<void> {
  const report = {
    model: path,
    seed: flags.seed,
    norm: perturbation!.name,
    eps: radiiFile ?? eps,
    criterion: criterion.name,
    attacks: chosenFor(perturbation!.name, attacks).map((a) => ({ name: a.name, ...a.options })),
    succeeded: results.filter((r) => r.success).length,
    results,
    skipped,
    versions: versions(),
    out: flags.out,
  }
  await writeFileAtomic(join(flags.out, 'attack.json'), JSON.stringify(report, null, 2))
  if (flags.json) return printJson(report)
  const rows = results.map((r) => [
    r.input,
    say(r.before[0]!),
    say(r.after[0]!),
    Number(r.size.toPrecision(4)).toString(),
    r.wrongBefore && !criterion.targeted
      ? 'wrong before'
      : r.success
        ? `${r.attack ?? 'already'}${r.successAfterRounding || !r.files['png'] ? '' : ', lost in 8 bits'}`
        : 'stands',
  ])
  const within = radiiFile
    ? `${perturbation!.name} radii of their own`
    : `${perturbation!.name} ${Number(eps!.toPrecision(4))}`
  const heads = ['input', 'before', 'after', `size (${perturbation!.name})`, 'result']
  process.stdout.write(
    `${columns(
      heads.map((title) => ({ title })),
      rows,
    )}\n\n${report.succeeded} of ${results.length} adversarial within ${within}; files in ${flags.out}\n`,
  )
}

const say = (r: Ranked) => `${r.name ?? r.label} ${(r.probability * 100).toFixed(1)} %`

function named({ classNames }: Classifier, { label, probability }: Ranked): Ranked {
  const name = classNames?.[label]
  return name === undefined ? { label, probability } : { label, name, probability }
}
