/** VNN-LIB 1.0 (vnnlib.org): a specification whose models are the counterexamples, as input boxes with linear constraints. */
import { disjunctsOf, product, type Atom, type LinearConstraint, type Variable } from './formula.ts'
import { readExpressions, SpecificationError, written, type Expression } from './s-expression.ts'

/** low ≤ x ≤ high, componentwise. */
export interface Box {
  readonly low: Float64Array
  readonly high: Float64Array
}

/** One way to satisfy the specification: an input in the box whose output meets all constraints. */
export interface Disjunct {
  /** One object for all disjuncts with the same bounds. */
  readonly box: Box
  readonly constraints: readonly LinearConstraint[]
}

/** What is searched for: an input that satisfies any of the disjuncts. */
export interface Specification {
  /** Numbers of input and output variables, in the flat order of the network's tensors. */
  readonly inputs: number
  readonly outputs: number
  /** None if the specification contradicts itself. */
  readonly disjuncts: readonly Disjunct[]
}

const IGNORED = new Set(['set-logic', 'set-info', 'set-option', 'check-sat', 'get-model', 'exit'])

/**
 * Parses a specification.
 *
 * @throws SpecificationError, with the line, if it is not VNN-LIB 1.0 or does not bound every input
 */
export function parseVnnlib(text: string): Specification {
  const variables = new Map<string, Variable>()
  const certain: Atom[] = []
  let ways: readonly (readonly Atom[])[] = [[]]
  for (const command of readExpressions(text)) {
    const [head, ...rest] = command.list ?? []
    if (head?.word === 'assert') {
      if (rest.length !== 1) throw new SpecificationError('assert takes one formula', command.line)
      const found = disjunctsOf(rest[0]!, variables)
      // Thousands of plain bounds are kept apart from what has to be multiplied out.
      if (found.length === 1) for (const atom of found[0]!) certain.push(atom)
      else ways = product(ways, found, command.line)
    } else if (head?.word === 'declare-const' || head?.word === 'declare-fun') {
      declare(command, variables)
    } else if (!head?.word || !IGNORED.has(head.word)) {
      throw new SpecificationError(`expected declare-const or assert, not ${written(command)}`, command.line)
    }
  }
  const inputs = contiguous(variables, 'X')
  const outputs = contiguous(variables, 'Y')
  return { inputs, outputs, disjuncts: assemble(certain, ways, inputs) }
}

function declare(command: Expression, variables: Map<string, Variable>): void {
  const [head, name, ...rest] = command.list!
  const type = head!.word === 'declare-fun' && rest[0]?.list?.length === 0 ? rest.slice(1) : rest
  const [, side, index] = /^([XY])_(0|[1-9]\d{0,8})$/.exec(name?.word ?? '') ?? []
  if (!side || type.length !== 1 || type[0]!.word !== 'Real')
    throw new SpecificationError(
      `expected (declare-const X_i Real) or (declare-const Y_j Real), not ${written(command)}`,
      command.line,
    )
  if (variables.has(name!.word!))
    throw new SpecificationError(`${name!.word} is declared twice`, command.line)
  variables.set(name!.word!, { side: side as 'X' | 'Y', index: Number(index) })
}

function contiguous(variables: ReadonlyMap<string, Variable>, side: 'X' | 'Y'): number {
  const indices = [...variables.values()].filter((v) => v.side === side).map((v) => v.index)
  if (!indices.length) throw new SpecificationError(`no variable ${side}_0 is declared`)
  const missing = indices.findIndex((_, i) => !variables.has(`${side}_${i}`))
  if (missing >= 0)
    throw new SpecificationError(
      `${indices.length} variables ${side}_i are declared, but not ${side}_${missing}`,
    )
  return indices.length
}

function assemble(
  certain: readonly Atom[],
  ways: readonly (readonly Atom[])[],
  inputs: number,
): readonly Disjunct[] {
  const start: Box = {
    low: new Float64Array(inputs).fill(-Infinity),
    high: new Float64Array(inputs).fill(Infinity),
  }
  const common = narrowed(start, certain)
  const always = certain.filter(speaksOfOutput)
  const boxes = new Map<string, Box>()
  const disjuncts: Disjunct[] = []
  for (const way of ways) {
    const bounds = way.filter((a) => !speaksOfOutput(a))
    const key = bounds.map((a) => `${a.kind} ${a.input} ${a.value}`).join(',')
    let box = boxes.get(key)
    if (!box) boxes.set(key, (box = bounds.length ? narrowed(common, bounds) : common))
    const constraints: LinearConstraint[] = []
    let possible = box.low.every((low, i) => low <= box.high[i]!)
    for (const atom of [...always, ...way])
      if (atom.kind === 'false') possible = false
      else if (atom.kind === 'output') constraints.push(atom.constraint)
    if (!possible) continue
    checkBounded(box)
    disjuncts.push({ box, constraints })
  }
  return disjuncts
}

const speaksOfOutput = (atom: Atom): atom is Exclude<Atom, { kind: 'low' | 'high' }> =>
  atom.kind === 'output' || atom.kind === 'false'

function narrowed({ low, high }: Box, atoms: readonly Atom[]): Box {
  const box = { low: low.slice(), high: high.slice() }
  for (const atom of atoms) {
    if (atom.kind === 'low') box.low[atom.input] = Math.max(box.low[atom.input]!, atom.value)
    if (atom.kind === 'high') box.high[atom.input] = Math.min(box.high[atom.input]!, atom.value)
  }
  return box
}

function checkBounded({ low, high }: Box): void {
  const open = low.findIndex((v, i) => !Number.isFinite(v) || !Number.isFinite(high[i]!))
  if (open >= 0)
    throw new SpecificationError(
      `X_${open} has no ${Number.isFinite(low[open]!) ? 'upper' : 'lower'} bound: every input must lie in an interval`,
    )
}
