/** `saddle data`: data sets that have a name, where they are, and what is in them. */
import type { Command } from 'commander'
import pc from 'picocolors'
import { namedSets } from '../builtin.ts'
import { columns, grouped, plural, sizes } from '../columns.ts'
import { knownForms, loadDataset, type Dataset } from '../data/index.ts'
import { commonFlags, dataFlags, printJson, type CommonFlags, type DataFlags } from './shared.ts'

type Flags = CommonFlags & DataFlags

export function dataCommand(program: Command): void {
  const command = program
    .command('data')
    .description('list the data sets; with a name or path, what is in it')
    .argument('[name]', 'a built-in set, or anything that --data takes')
  commonFlags(dataFlags(command)).action(async (name: string | undefined, flags: Flags) => {
    const wanted = name ?? flags.data
    if (wanted === undefined) listAll(flags)
    else await one(wanted, flags)
  })
}

function listAll({ json }: CommonFlags): void {
  const sets = namedSets.map(({ name, what, find, get }) => ({ name, what, found: find() ?? null, get }))
  if (json) return printJson({ sets, forms: knownForms })
  const rows = sets.map(({ name, what, found, get }) => [name, what, found ?? `not found: ${get}`])
  process.stdout.write(
    `${columns([{ title: 'name' }, { title: 'what' }, { title: 'where' }], rows)}\n\n` +
      `${pc.bold('--data also takes')}\n${knownForms.map((f) => `  ${f}`).join('\n')}\n`,
  )
}

async function one(name: string, flags: Flags): Promise<void> {
  const { split, offset, limit } = flags
  const data = await loadDataset(name, {
    split,
    offset,
    limit,
    shuffle: flags.shuffle ? flags.seed : undefined,
  })
  const where = namedSets.find((s) => s.name === name)?.find() ?? name
  const classes = classesOf(data)
  if (flags.json)
    return printJson({
      name,
      where,
      kind: data.kind,
      samples: data.length,
      shape: data.shape,
      classes,
      skipped: data.skipped,
      notes: data.notes,
    })
  const rows = classes.map(({ label, name: called, count }) => [`  ${label}`, called ?? '', grouped(count)])
  process.stdout.write(
    `${pc.bold(name)}: ${plural(data.length, 'sample')} of ${sizes(data.shape)} in ${plural(classes.length, 'class', 'classes')}\n` +
      `${where}\n\n${columns([{ title: '  label' }, { title: 'name' }, { title: 'samples', align: 'right' }], rows)}\n`,
  )
  if (flags.quiet) return
  for (const note of data.notes) process.stderr.write(`! ${note}\n`)
  for (const { file, reason } of data.skipped) process.stderr.write(`! ${file} was skipped: ${reason}\n`)
}

function classesOf({ labels, labelNames }: Dataset): { label: number; name?: string; count: number }[] {
  const counts = new Map<number, number>()
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1)
  return [...counts]
    .toSorted(([a], [b]) => a - b)
    .map(([label, count]) => ({ label, ...(labelNames?.[label] && { name: labelNames[label] }), count }))
}
