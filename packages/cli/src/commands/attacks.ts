/** `saddle attacks`: the attacks, their place on the axes, and their options. */
import type { Command } from 'commander'
import pc from 'picocolors'
import { definitions, lossForms, optionsOf, perturbations, presets, type AttackDefinition } from 'saddlepoint'
import { columns } from '../columns.ts'
import { UsageError } from '../errors.ts'
import { optionsOfSchema } from '../options-table.ts'
import { setNames } from './latent-set.ts'
import { commonFlags, printJson, type CommonFlags } from './shared.ts'

const CRITERIA = ['misclassified', 'targeted', 'confident:P', 'top-k:K', 'several joined by &']

export function attacksCommand(program: Command): void {
  const command = program
    .command('attacks')
    .description('list the attacks; with a name, its options')
    .argument('[name]', 'an attack or a preset')
  commonFlags(command).action((name: string | undefined, flags: CommonFlags) => {
    if (name === undefined) all(flags)
    else if (presets[name]) preset(name, flags)
    else one(name, flags)
  })
}

function all({ json }: CommonFlags): void {
  if (json) return printJson({ attacks: definitions.map(place), presets, ...axes() })
  const rows = definitions.map((d) => [d.name, d.kind, d.access, d.optimiser, d.reference])
  const heads = ['name', 'kind', 'access', 'optimiser', 'reference'].map((title) => ({ title }))
  const sets = Object.entries(presets).map(([name]) => [name, members(name)])
  process.stdout.write(
    `${columns(heads, rows)}\n\n${columns([{ title: 'preset' }, { title: 'attacks' }], sets)}\n\n${axesText()}\n`,
  )
}

function preset(name: string, { json }: CommonFlags): void {
  if (json) printJson({ preset: name, ...presets[name]! })
  else process.stdout.write(`${name} is a preset: ${members(name)}\n`)
}

function members(name: string): string {
  const { attacks, inNorm = {}, cascade } = presets[name]!
  const others = Object.entries(inNorm).map(([norm, list]) => `; in ${norm} ${list.join(' ')}`)
  return `${attacks.join(' ')}${others.join('')}${cascade ? '; each on what is left' : ''}`
}

function one(name: string, { json }: CommonFlags): void {
  const definition = definitions.find((d) => d.name === name)
  if (!definition)
    throw new UsageError(`there is no attack "${name}"`, {
      hint: `there are ${[...definitions.map((d) => d.name), ...Object.keys(presets)].join(', ')}`,
    })
  const options = optionsTable(definition)
  if (json) return printJson({ ...place(definition), options, ...axes() })
  const { kind, access, optimiser, reference } = definition
  const rows = options.map((o) => [
    o.name,
    o.type,
    o.default === undefined ? '' : String(o.default),
    o.description,
  ])
  process.stdout.write(
    [
      `${pc.bold(name)}: ${optimiser}, ${kind}, needs ${access} (${reference})`,
      columns([{ title: 'option' }, { title: 'type' }, { title: 'default' }, { title: '' }], rows),
      `${axesText()}\n`,
    ].join('\n\n'),
  )
}

const place = ({ name, kind, access, optimiser, reference }: AttackDefinition) => ({
  name,
  kind,
  access,
  optimiser,
  reference,
})

const axes = () => ({
  norms: setNames,
  sets: Object.values(perturbations).flatMap(({ name, reference, eps, unit }) =>
    eps === undefined ? [] : [{ name, eps, unit, reference }],
  ),
  losses: lossForms,
  criteria: CRITERIA,
})

function axesText(): string {
  const { norms, sets, losses: names, criteria } = axes()
  return columns(
    [{ title: '' }, { title: '' }],
    [
      ['norms', norms.join(', ')],
      ['eps if not given', sets.map((s) => `${s.name} ${s.eps}${s.unit ? ` (${s.unit})` : ''}`).join('; ')],
      ['losses', names.join(', ')],
      ['criteria', criteria.join(', ')],
    ],
  )
}

/** Read off the attack's schema, so that nothing is written twice. */
const optionsTable = (definition: AttackDefinition) => optionsOfSchema(optionsOf(definition))
