/** Attacks that know both thresholds of a Gaussian-mixture VAE: what they get through, and the pictures. */
import { fgsm, judgeGmVae, type Target, type TrainedGmVae } from 'saddlepoint'
import {
  adversarialAttack,
  assail,
  encoderOf,
  firstOf,
  foolingAttack,
  pick,
  randomImages,
  type Subjects,
} from './gmvae-attacks.ts'
import {
  contactSheet,
  latentSpace,
  pairs,
  rowOf,
  throughCurves,
  type Codes,
  type Shown,
} from './gmvae-figures.ts'
import type { Figure, Kitchen } from './recipe.ts'

/** The share that succeeds by eps. */
export interface Through {
  readonly eps: number
  readonly successes: number
  readonly samples: number
}

export interface Knowing {
  readonly adversarial: readonly Through[]
  readonly fooling: readonly Through[]
}

/** How much is attacked, and how hard. */
export interface KnowingScale {
  /** Test images of which those that are right and let through are attacked, up to `samples`. */
  readonly attacked: number
  readonly samples: number
  readonly steps: number
  readonly eps: readonly number[]
  readonly foolingEps: readonly number[]
}

/** Pictures of a sheet, and of a row of a figure. */
const SHEET = 100
const ROW = 10

export async function attackKnowing(
  kitchen: Kitchen,
  { attacked, samples, steps, eps: radii, foolingEps }: KnowingScale,
  trained: TrainedGmVae,
  subjects: Subjects,
  seed: number,
): Promise<{ knowing: Knowing; figures: Figure[] }> {
  const { engine } = kitchen
  const model: Target = await encoderOf(trained, kitchen)
  const many = firstOf(subjects, attacked)
  const verdicts = await judgeGmVae(trained, many.x, { engine })
  // Only what is right and let through can be lost.
  const standing = many.labels.flatMap((y, i) => (verdicts.label[i] === y && !verdicts.reject[i] ? [i] : []))
  const own = pick(many, standing.slice(0, samples))
  const figures: Figure[] = []

  const adversarial: Through[] = []
  for (const eps of radii) {
    const { adversarials } = await adversarialAttack(kitchen, model, own, { trained, eps, steps, seed })
    const found = await judgeGmVae(trained, adversarials, { engine })
    const through = own.labels.flatMap((y, i) => (found.label[i] !== y && !found.reject[i] ? [i] : []))
    adversarial.push({ eps, successes: through.length, samples: own.labels.length })
    kitchen.say(
      `adversarial, knowing both thresholds, eps ${eps}: ${through.length} of ${own.labels.length} let through`,
    )
    if (eps !== radii.at(-1)) continue
    const shown = through.map((i): Shown => ({
      before: rowOf(own.x, i),
      after: rowOf(adversarials, i),
      caption: `${own.labels[i]} → ${found.label[i]}`,
    }))
    await sheet(kitchen, 'adversarial.png', shown)
    if (shown.length)
      figures.push(
        pairs(
          'adversarial',
          `Let through at eps ${eps}`,
          'Test digits, and what passes both thresholds as another class.',
          shown.slice(0, ROW),
        ),
      )
  }

  const noise = randomImages(Math.max(samples / 2, 10), seed)
  const fooling: Through[] = []
  for (const eps of foolingEps) {
    const { adversarials } = await foolingAttack(kitchen, model, noise, { trained, eps, steps, seed })
    const found = await judgeGmVae(trained, adversarials, { engine })
    const through = found.reject.flatMap((r, i) => (r ? [] : [i]))
    fooling.push({ eps, successes: through.length, samples: found.reject.length })
    kitchen.say(`fooling, eps ${eps}: ${through.length} of ${found.reject.length} let through`)
    const shown = through.map((i): Shown => ({
      before: rowOf(noise, i),
      after: rowOf(adversarials, i),
      caption: `${found.label[i]}`,
    }))
    if (shown.length) {
      await sheet(kitchen, `fooling-${eps}.png`, shown)
      figures.push(
        pairs(
          `fooling-${eps}`,
          `Random images let through at eps ${eps}`,
          'Noise, and what passes both thresholds as a digit.',
          shown.slice(0, ROW),
        ),
      )
    }
  }
  const knowing = { adversarial, fooling }
  const curve = (all: readonly Through[]) => all.map((t) => [t.eps, t.successes / t.samples] as const)
  const { latent } = trained.vae
  const attackedCodes = await assail(kitchen, model, many, {
    stage: 'fgsm, codes',
    attack: fgsm(),
    eps: 0.1,
    seed,
  })
  const moved = await judgeGmVae(trained, attackedCodes.adversarials, { engine })
  const sets: Codes[] = [
    { name: 'test images', latent, code: verdicts.code, label: verdicts.label },
    { name: 'under FGSM at 0.1, where they end', latent, code: moved.code, label: moved.label },
  ]
  await kitchen.write('codes.json', JSON.stringify(sets))
  const thresholds = Array.from(trained.thresholds.latentDistance.data, Number)
  figures.unshift(
    latentSpace(sets, { separation: Number(trained.vae.means.data[0]), thresholds }),
    throughCurves({ 'from test images': curve(adversarial), 'from random images': curve(fooling) }),
  )
  return { knowing, figures }
}

async function sheet(kitchen: Kitchen, name: string, shown: readonly Shown[]): Promise<void> {
  if (!shown.length) return
  const pictures = shown.slice(0, SHEET)
  const rows = Array.from({ length: Math.ceil(pictures.length / ROW) }, (_, r) =>
    pictures.slice(r * ROW, (r + 1) * ROW),
  )
  const blank = new Float32Array(28 * 28).fill(1)
  const full = (row: readonly Float32Array[]) => [
    ...row,
    ...Array.from({ length: ROW - row.length }, () => blank),
  ]
  const all = rows.flatMap((row) => [...full(row.map((s) => s.before)), ...full(row.map((s) => s.after))])
  await kitchen.write(name, await contactSheet(all, ROW))
}
