/** All attacks by name, and the way from text such as `pgd:steps=40,stepSize=8/255` to one of them. */
import type { AttackDefinition, ConfiguredAttack } from './attack.ts'
import { AttackOptionError, optionsOf } from './attack.ts'
import { alma } from './alma.ts'
import { apgdCe, apgdDlr } from './apgd.ts'
import { apgdT } from './apgd-t.ts'
import { bim } from './bim.ts'
import { cw } from './cw.ts'
import { superdeepfool } from './superdeepfool.ts'
import { deepfool } from './deepfool.ts'
import { ead } from './ead.ts'
import { ensembleMim } from './ensemble.ts'
import { fab } from './fab.ts'
import { fabT } from './fab-t.ts'
import { diFgsm } from './di-fgsm.ts'
import { siFgsm } from './si-fgsm.ts'
import { tiFgsm } from './ti-fgsm.ts'
import { vmiFgsm } from './vmi-fgsm.ts'
import { startingFrom } from './chain.ts'
import { ddn } from './ddn.ts'
import { fgsm } from './fgsm.ts'
import { fmn } from './fmn.ts'
import { fw } from './fw.ts'
import { gaussianNoise, uniformNoise } from './noise.ts'
import { nuclear } from './nuclear.ts'
import { patch } from './patch.ts'
import { wasserstein } from './wasserstein.ts'
import { jsma } from './jsma.ts'
import { mim } from './mim.ts'
import { multiTargeted } from './multi-targeted.ts'
import { nes } from './nes.ts'
import { spsa } from './spsa.ts'
import { bandits } from './bandits.ts'
import { nattack } from './nattack.ts'
import { prgf } from './prgf.ts'
import { zoo } from './zoo.ts'
import { nim } from './nim.ts'
import { odiPgd } from './odi-pgd.ts'
import { pdpgd } from './pdpgd.ts'
import { pgd } from './pgd.ts'
import { rays } from './rays.ts'
import { recolor } from './recolor.ts'
import { latent } from './latent.ts'
import { perceptual } from './perceptual.ts'
import { rotation } from './rotation.ts'
import { flow } from './flow.ts'
import { pgdL0 } from './pgd-l0.ts'
import { geoda } from './geoda.ts'
import { boundary } from './boundary.ts'
import { hopskipjump } from './hopskipjump.ts'
import { sigmaZero } from './sigma-zero.ts'
import { square } from './square.ts'
import { readOptions } from '../model/option-text.ts'

type Factory = ((options?: never) => ConfiguredAttack) & { readonly definition: unknown }

const factories = [
  fgsm,
  bim,
  mim,
  nim,
  diFgsm,
  tiFgsm,
  siFgsm,
  vmiFgsm,
  ensembleMim,
  pgd,
  multiTargeted,
  odiPgd,
  pgdL0,
  apgdCe,
  apgdDlr,
  apgdT,
  fw,
  square,
  nes,
  spsa,
  bandits,
  nattack,
  prgf,
  zoo,
  gaussianNoise,
  uniformNoise,
  nuclear,
  wasserstein,
  patch,
  ddn,
  fmn,
  sigmaZero,
  pdpgd,
  fab,
  fabT,
  deepfool,
  superdeepfool,
  cw,
  rays,
  rotation,
  flow,
  recolor,
  perceptual,
  latent,
  alma,
  ead,
  jsma,
  geoda,
  boundary,
  hopskipjump,
] as unknown as readonly Factory[]

export const attacks: ReadonlyMap<string, (options?: object) => ConfiguredAttack> = new Map(
  factories.map((f) => [
    (f.definition as AttackDefinition).name,
    f as unknown as (options?: object) => ConfiguredAttack,
  ]),
)

export const definitions: readonly AttackDefinition[] = factories.map((f) => f.definition as AttackDefinition)

/** A named set of attacks. */
export interface Preset {
  readonly attacks: readonly string[]
  /** The attacks instead of those, by perturbation set. */
  readonly inNorm?: Readonly<Record<string, readonly string[]>>
  /** Whether each attack is made for what those before it left standing: see `cascade` of EvaluateOptions. */
  readonly cascade?: boolean
}

/** AutoAttack's standard version, Croce & Hein 2020, section 5; in L1, Croce & Hein 2021; Square's schedule as in their code. */
const standard: Preset = {
  attacks: ['apgd-ce', 'apgd-t', 'fab-t', 'square:rescale=false'],
  inNorm: { l1: ['apgd-ce:restarts=5', 'apgd-t:targetClasses=5', 'fab-t', 'square:rescale=false'] },
  cascade: true,
}

/**
 * Cheapest first, each on what is left. A robust network's thresholds can block the gradients near a sample: Auto-PGD comes back
 * from larger balls, PDPGD and FAB-T from beyond the boundary.
 */
const strongest: Preset = {
  attacks: strongestWith('fab-t'),
  // Its steps seldom lead anywhere that Auto-PGD's do not in this norm, and cost as much.
  inNorm: { linf: strongestWith('fab-t:targetClasses=3') },
  cascade: true,
}

function strongestWith(boundary: string): readonly string[] {
  return [
    'apgd-ce:steps=50,shrinking=false',
    'apgd-ce:steps=50,shrinking=true',
    'pdpgd:steps=200',
    boundary,
    'apgd-t:shrinking=false,targetClasses=4',
    'apgd-t:shrinking=true,targetClasses=4',
    'square:queries=5000',
  ]
}

/**
 * At most 2,000 gradients of a sample of ten classes. Where a robust model blocks gradients there are many valleys, and one
 * long walk ends in a poor one: several short searches from beside the sample choose the valley, and a walk that only
 * shrinks goes on from the best of what they have found. The last attack is for models that need no such search.
 */
const minimumNorm: Preset = {
  attacks: [
    'fab:steps=40,competitors=1,restarts=12>fmn:steps=200',
    'pdpgd:steps=400,restarts=2',
    'fmn:steps=500',
  ],
  inNorm: {
    l2: [
      'fab-t:steps=40,restarts=2>ddn:steps=200',
      'fab:steps=40,competitors=1,restarts=12>ddn:steps=200',
      'fmn:steps=400',
    ],
    l1: ['pdpgd:steps=450,restarts=3>fmn:steps=250', 'fmn:steps=400'],
    l0: ['sigma-zero:steps=1000', 'sigma-zero:steps=1000,loss=dlr'],
  },
}

export const presets: Readonly<Record<string, Preset>> = {
  quick: { attacks: ['fgsm', 'pgd:steps=20'] },
  standard,
  auto: standard,
  // Scores alone: random search first, which needs the fewest questions; then two estimates of gradients.
  'black-box': {
    attacks: ['square:queries=10000', 'nes', 'bandits'],
    inNorm: { l1: ['square:queries=10000', 'nes'] },
    cascade: true,
  },
  strongest,
  // AutoAttack's version for randomised defences (its section 5.2): what it leaves out cannot average over draws.
  rand: { attacks: ['apgd-ce:eot=20', 'apgd-dlr:eot=20'], cascade: true },
  // The nearest of its norm first; the second sets out from elsewhere, which helps where the first is caught at a local optimum.
  'labels-only': {
    attacks: ['hopskipjump', 'geoda'],
    inNorm: { linf: ['rays', 'hopskipjump'], l1: ['geoda'] },
  },
  'minimum-norm': minimumNorm,
}

/** Other names for options that users bring along from other toolkits. */
const ALIASES: Readonly<Record<string, string>> = {
  alpha: 'stepSize',
  n_iter: 'steps',
  n_restarts: 'restarts',
  n_target_classes: 'targetClasses',
  n_queries: 'queries',
  p_init: 'pInit',
  rel_stepsize: 'stepSize',
  random_start: 'randomStart',
}

/**
 * Reads one attack, `name` or `name:option=value,…`, or two of them with a `>` between, the second to set out from the result
 * of the first; or the name of a preset.
 *
 * @throws AttackOptionError
 */
export function parseAttack(text: string): ConfiguredAttack[] {
  const chained = text.lastIndexOf('>')
  if (chained > 0) {
    const [first, second] = [text.slice(0, chained), text.slice(chained + 1)].map(parseAttack)
    if (first!.length !== 1 || second!.length !== 1)
      throw new AttackOptionError(`"${text}": a preset cannot be a part of a chain`)
    return [startingFrom(first![0]!, second![0]!)]
  }
  const { name, options: given } = readOptions(text, (message) => new AttackOptionError(message))
  const preset = presetOf(name)
  if (preset) {
    if (given.length) throw new AttackOptionError(`the preset ${name} takes no options`)
    return membersOf(preset)
  }
  const factory = attacks.get(name)
  if (!factory)
    throw new AttackOptionError(
      `there is no attack "${name}"; there are ${[...attacks.keys(), ...Object.keys(presets)].join(', ')}`,
    )
  const definition = definitions.find((d) => d.name === name)!
  const known = new Set(Object.keys(optionsOf(definition).shape))
  const options = given.map(([key, value]) => [known.has(key) ? key : (ALIASES[key] ?? key), value])
  return [factory(Object.fromEntries(options))]
}

function membersOf({ attacks: usual, inNorm = {} }: Preset): ConfiguredAttack[] {
  const members = (texts: readonly string[], chosen: (norm: string) => boolean) =>
    texts.flatMap(parseAttack).map((a) => ({ ...a, chosenFor: chosen }))
  return [
    ...members(usual, (norm) => !Object.hasOwn(inNorm, norm)),
    ...Object.entries(inNorm).flatMap(([own, texts]) => members(texts, (norm) => norm === own)),
  ]
}

/**
 * Whether a list of attacks and presets, as text, is to be run as a cascade: if all of them are presets that say so, since
 * an attack asked for by name is asked for on all samples.
 */
export const isCascade = (texts: readonly string[]) =>
  texts.length > 0 && texts.every((text) => presetOf(text.trim())?.cascade)

const presetOf = (name: string) => (Object.hasOwn(presets, name) ? presets[name] : undefined)
