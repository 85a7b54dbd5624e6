/** `saddle inspect`: what is in a model file, and what an attack will meet in it. */
import { inspectModel, type Inspection } from '@saddlepoint/autodiff'
import type { Command } from 'commander'
import pc from 'picocolors'
import { columns, grouped, plural, sizes } from '../columns.ts'
import { conventionsOf, openModel } from './open.ts'
import { commonFlags, modelFlags, printJson } from './shared.ts'
import type { CommonFlags, ModelFlags } from './shared.ts'

interface Flags extends CommonFlags, ModelFlags {}

export function inspectCommand(program: Command): void {
  const command = program
    .command('inspect')
    .description('inputs, outputs, layers and cost of a model; where gradients stop; what blocks batching')
    .argument('<model>', 'ONNX file (.onnx or .onnx.gz)')
  commonFlags(modelFlags(command)).action(async (path: string, flags: Flags) => {
    const conventions = conventionsOf(path, flags)
    const model = await openModel(path, flags)
    const inspection = inspectModel(model)
    if (flags.json) printJson({ model: path, ...inspection, conventions })
    else process.stdout.write(`${describe(path, inspection, conventions)}\n`)
  })
}

const title = (text: string) => pc.bold(text)

function describe(path: string, i: Inspection, conventions: object): string {
  const sections = [
    head(path, i),
    title('Layers') + '\n' + layers(i),
    title('Gradient') + '\n' + gradient(i),
    title('Masking suspects') + '\n' + suspects(i),
    title('Preprocessing') + '\n' + preprocessing(i, conventions),
    title('Batching') + '\n' + batching(i),
  ]
  if (i.nonFinite.length)
    sections.push(
      title('Weights that are no numbers') +
        '\n' +
        i.nonFinite
          .map(({ name, count }) => `  ${name}: ${plural(count, 'value')} NaN or infinite`)
          .join('\n'),
    )
  if (i.notices.length) sections.push(title('Notices') + '\n' + i.notices.map((n) => `  ${n}`).join('\n'))
  return sections.join('\n\n')
}

function head(path: string, i: Inspection): string {
  const opsets = Object.entries(i.opsets).map(([domain, version]) => `${domain || 'opset'} ${version}`)
  return [
    title(path),
    columns(
      [{ title: '' }, { title: '' }],
      [
        ['  written by', `${i.producer || 'unknown'}, ${opsets.join(', ')}, IR ${i.irVersion}`],
        ['  inputs', ports(i.inputs)],
        ['  outputs', ports(i.outputs)],
        ['  parameters', grouped(i.parameters)],
        ['  MACs', `${grouped(i.macs)} per sample`],
      ],
    ),
  ].join('\n')
}

const ports = (list: Inspection['inputs']) =>
  list.map(({ name, type, shape }) => `${name} (${type} ${sizes(shape)})`).join(', ')

function layers({ layers: list, parameters, macs }: Inspection): string {
  const rows = list.map((l) => [
    `  ${l.op}`,
    l.name,
    sizes(l.shape),
    l.parameters ? grouped(l.parameters) : '',
    l.macs ? grouped(l.macs) : '',
    l.gradient === 'exact' ? '' : l.gradient,
  ])
  rows.push(['  total', plural(list.length, 'layer'), '', grouped(parameters), grouped(macs)])
  const right = 'right' as const
  return columns(
    [
      { title: '  op' },
      { title: 'name' },
      { title: 'output' },
      { title: 'parameters', align: right },
      { title: 'MACs', align: right },
      { title: list.some((l) => l.gradient !== 'exact') ? 'gradient' : '' },
    ],
    rows,
  )
}

function gradient({ gradient: g }: Inspection): string {
  const of = (kind: string) =>
    g.ops
      .filter((o) => o.gradient === kind)
      .map((o) => (o.count > 1 ? `${o.op} ×${o.count}` : o.op))
      .join(', ')
  const lines = [
    g.reachesInput && !g.missing.length
      ? '  arrives at the input'
      : g.missing.length
        ? '  cannot be had: an operator on the way has no rule'
        : `  ${g.problem ?? 'is zero at the input: it stops on the way'}`,
  ]
  const kinds = [
    ['exact', 'with a rule'],
    ['straight-through', 'straight-through'],
    ['zero', 'zero derivative'],
    ['random', 'random'],
    ['none', 'without a rule'],
  ] as const
  for (const [kind, text] of kinds) if (of(kind)) lines.push(`  ${text}: ${of(kind)}`)
  for (const { op, node, path } of g.missing)
    lines.push(`  ${op} (node ${node}) on the way ${path.join(' → ')}`)
  if (g.stripped) lines.push(`  the final ${g.stripped} is left out: attacks climb the scores before it`)
  return lines.join('\n')
}

function suspects({ suspects: list }: Inspection): string {
  if (!list.length) return '  none'
  return list
    .map(({ nodes, op, means }) => {
      const shown = nodes.slice(0, 5).join(', ') + (nodes.length > 5 ? ` and ${nodes.length - 5} more` : '')
      return `  ${op} (${shown}): ${means}`
    })
    .join('\n')
}

function preprocessing({ preprocessing: p }: Inspection, conventions: object): string {
  const steps = p.steps.map(({ op, values }) => (values ? `${op} ${list(values)}` : op)).join(', then ')
  const lines = [`  in the file: ${steps || 'none found'}`]
  if (p.mean && p.std) lines.push(`  which is (x − ${list(p.mean)}) / ${list(p.std)}`)
  const given = Object.entries(conventions).map(([key, value]) => `${key} ${JSON.stringify(value)}`)
  lines.push(
    `  from flags and sidecar: ${given.join(', ') || 'none; the input is taken as [0, 1], RGB, NCHW'}`,
  )
  return lines.join('\n')
}

const list = (values: readonly number[]) =>
  values.length === 1 ? String(values[0]) : `(${values.join(', ')})`

function batching({ batching: b }: Inspection): string {
  if (b.kind === 'free') return '  any batch size'
  if (b.kind === 'rebatched')
    return '  fixed in the file; rewritten to any batch size and checked against the file'
  const pace = b.size === 1 ? 'samples run one by one' : `samples run ${b.size} at a time`
  return `  fixed at ${b.size}: ${pace}\n  because: ${b.blockedBy || 'unknown'}`
}
