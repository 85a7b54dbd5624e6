/** `saddle certify`: L2 radii within which the smoothed classifier keeps its class, and attacks on what they promise. */
import type { Command } from 'commander'
import {
  AttackOptionError,
  attackCertified,
  certifiedAccuracy,
  certify,
  largestRadius,
  parseAttack,
  parseLoss,
  wilson,
  type Certificate,
  type CertifiedAttackOutcome,
} from 'saddlepoint'
import '../builtin.ts'
import { columns, grouped, plural } from '../columns.ts'
import { writeFileAtomic } from '../data/index.ts'
import { UsageError } from '../errors.ts'
import { progressDisplay } from '../progress.ts'
import { versions } from '../versions.ts'
import { batchOf } from './detection.ts'
import { engineOf, openBoth } from './open.ts'
import {
  commonFlags,
  count,
  dataFlags,
  modelFlags,
  number,
  numbers,
  printJson,
  talk,
  targetFlags,
  type CommonFlags,
  type DataFlags,
  type ModelFlags,
  type TargetFlags,
} from './shared.ts'

interface Flags extends CommonFlags, ModelFlags, DataFlags, TargetFlags {
  sigma: number
  samples: number
  selection: number
  alpha: number
  radii?: number[]
  csv?: string
  attack?: string[]
  multiples: number[]
  copies: number
  verdict?: number
}

const gather = (text: string, before: string[] = []) => [...before, ...text.split(/\s+/).filter(Boolean)]

export function certifyCommand(program: Command): void {
  const command = program
    .command('certify')
    .description('certified L2 radii by randomized smoothing (Cohen et al. 2019), and attacks on them')
    .argument('<model>', 'ONNX file (.onnx or .onnx.gz), or a description of an HTTP target (.json)')
    .requiredOption('--sigma <value>', 'standard deviation of the noise, such as 0.25', number)
    .option('--samples <n>', 'noisy copies that a certificate is made of (the paper: 100000)', count, 1000)
    .option('--selection <n>', 'noisy copies that choose the class before', count, 100)
    .option('--alpha <value>', 'probability that a certificate is wrong', number, 0.001)
    .option(
      '--radii <values>',
      'radii of the curve; multiples of a quarter of sigma up to the largest that can be certified if absent',
      numbers,
    )
    .option('--csv <file>', 'also write one line for each sample')
    .option(
      '--attack <names>',
      'L2 attacks on the smoothed classifier, with options (pgd:steps=20); may be repeated',
      gather,
    )
    .option(
      '--multiples <values>',
      'multiples of the certified radius that are attacked: none may fall at 1, and some should beyond',
      numbers,
      [1, 4],
    )
    .option('--copies <n>', 'noisy copies that one evaluation of an attack is the mean of', count, 8)
    .option('--verdict <n>', 'noisy copies that judge what an attack ends with; --samples if absent', count)
    .addHelpText(
      'after',
      `
The model is the base classifier: train it under noise of the same sigma (saddle train --method noise:sigma=0.25). A certificate
holds with probability 1 − alpha. Radii are in the units of the samples, which noise may leave. What an attack makes of a sample is
brought into the radius and predicted anew with other noise: that verdict counts, not the attack's.`,
    )
  commonFlags(dataFlags(targetFlags(modelFlags(command)))).action(run)
}

async function run(path: string, flags: Flags): Promise<void> {
  const voice = talk(flags)
  const { sigma, samples: draws, selection, alpha, seed } = flags
  checkFlags(flags)
  const attacks = attacksOf(flags.attack ?? [])
  const engine = engineOf(flags, voice)
  const display = progressDisplay(flags.quiet, 'certify')
  const began = performance.now()
  try {
    const { classifier, data, conventions } = await openBoth(path, flags, engine, voice)
    const batchSize = batchOf(classifier, conventions.batch ?? flags.batch)
    const smoothing = { sigma, draws, alpha, seed, batchSize }
    const certificates = await certify(classifier, data, {
      ...smoothing,
      selection,
      onProgress: (done, total) => display.update({ stage: 'samples', done, total }),
    })
    const certifiedIn = (performance.now() - began) / 1000
    const attacked = attacks.length
      ? await attackCertified(classifier, data, certificates, {
          ...smoothing,
          attacks,
          multiples: flags.multiples,
          copies: flags.copies,
          verdictDraws: flags.verdict,
          onProgress: (stage, done, total) => display.update({ stage, done, total }),
        })
      : []
    display.end()
    const report = {
      model: path,
      data: { name: data.name, samples: data.length },
      sigma,
      samples: draws,
      selection,
      alpha,
      seed,
      ...summaryOf(certificates, flags.radii ?? radiiUpTo(largestRadius(smoothing), sigma)),
      largestRadius: largestRadius(smoothing),
      certificates: certificates.map((c) => ({ ...c, predicted: c.predicted ?? null })),
      attacks: attacked,
      seconds: certifiedIn,
      versions: versions(),
    }
    if (flags.csv !== undefined) await writeFileAtomic(flags.csv, csvOf(certificates))
    if (flags.json) printJson(report)
    else process.stdout.write(`${tableOf(report)}\n`)
  } finally {
    display.end()
    await engine.close()
  }
}

function checkFlags({ sigma, alpha, radii = [], multiples }: Flags): void {
  if (!(sigma > 0))
    throw new UsageError(`--sigma ${sigma} must be more than 0`, { hint: 'write --sigma 0.25' })
  if (!(alpha > 0 && alpha < 1)) throw new UsageError(`--alpha ${alpha} is no probability between 0 and 1`)
  if (radii.some((r) => !(r >= 0))) throw new UsageError('--radii: a radius is at least 0')
  if (!multiples.length || multiples.some((m) => !(m > 0)))
    throw new UsageError('--multiples: a multiple of a radius is more than 0')
}

function attacksOf(asked: readonly string[]) {
  try {
    const attacks = asked.flatMap(parseAttack)
    for (const { options } of attacks) parseLoss(options.loss)
    return attacks
  } catch (error) {
    if (error instanceof AttackOptionError || error instanceof RangeError)
      throw new UsageError(error.message, { cause: error })
    throw error
  }
}

function radiiUpTo(largest: number, sigma: number): number[] {
  const step = sigma / 4
  return Array.from({ length: Math.floor(largest / step) + 1 }, (_, i) => i * step)
}

interface Summary {
  /** Share of the samples that the smoothed classifier gets right, at any radius. */
  readonly accuracy: number
  readonly abstention: number
  /** Mean of the radii, 0 for a sample that is wrong or abstained from: ACR (Zhai et al. 2020). */
  readonly averageRadius: number
  readonly curve: readonly {
    readonly radius: number
    readonly accuracy: number
    readonly interval: readonly [number, number]
  }[]
}

function summaryOf(certificates: readonly Certificate[], radii: readonly number[]): Summary {
  const n = certificates.length
  const right = certificates.filter((c) => c.predicted === c.label)
  return {
    accuracy: right.length / n,
    abstention: certificates.filter((c) => c.predicted === undefined).length / n,
    averageRadius: right.reduce((sum, c) => sum + c.radius, 0) / n,
    curve: certifiedAccuracy(certificates, radii).map((point) => ({
      ...point,
      interval: wilson(Math.round(point.accuracy * n), n),
    })),
  }
}

/** As the authors' own logs have it: −1 where the classifier abstains. */
function csvOf(certificates: readonly Certificate[]): string {
  const lines = certificates.map(({ index, label, predicted, radius, probability }) =>
    [index, label, predicted ?? -1, radius, Number(predicted === label), probability].join(),
  )
  return `${['index,label,predicted,radius,correct,probability', ...lines].join('\n')}\n`
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`
const short = (value: number) => String(Number(value.toPrecision(3)))

function tableOf(
  report: Summary & {
    readonly data: { readonly samples: number }
    readonly sigma: number
    readonly samples: number
    readonly alpha: number
    readonly largestRadius: number
    readonly attacks: readonly CertifiedAttackOutcome[]
  },
): string {
  const { data, sigma, samples, alpha, accuracy, abstention, averageRadius, curve, attacks } = report
  const head =
    `${plural(data.samples, 'sample')} under noise of ${sigma}: ${percent(accuracy)} right, ${percent(abstention)} abstained from, ` +
    `average certified radius ${short(averageRadius)} (${grouped(samples)} noisy copies, alpha ${alpha}: at most ${short(report.largestRadius)})`
  const right = (title: string) => ({ title, align: 'right' as const })
  const certified = columns(
    [right('L2 radius'), right('certified'), right('95 % interval')],
    curve.map((c) => [
      short(c.radius),
      percent(c.accuracy),
      `${percent(c.interval[0])} to ${percent(c.interval[1])}`,
    ]),
  )
  if (!attacks.length) return [head, '', certified].join('\n')
  const attacked = columns(
    [{ title: 'attack' }, right('of the radius'), right('attacked'), right('broken'), right('abstained')],
    attacks.map((a) => [
      a.attack,
      `${short(a.multiple)} ×`,
      grouped(a.attacked),
      grouped(a.broken),
      grouped(a.abstained),
    ]),
  )
  return [head, '', certified, '', attacked].join('\n')
}
