/** Formulas over X_i and Y_j in disjunctive normal form: comparisons of linear terms under `and` and `or`. */
import { SpecificationError, written, type Expression } from './s-expression.ts'

/** A declared variable: component `index` of the input (X) or the output (Y). */
export interface Variable {
  readonly side: 'X' | 'Y'
  readonly index: number
}

export type Variables = ReadonlyMap<string, Variable>

/** Σ coefficient · Y_j ≤ bound. */
export interface LinearConstraint {
  readonly coefficients: ReadonlyMap<number, number>
  readonly bound: number
}

/** One comparison, brought to a form with everything known on one side. */
export type Atom =
  | { readonly kind: 'low' | 'high'; readonly input: number; readonly value: number }
  | { readonly kind: 'output'; readonly constraint: LinearConstraint }
  | { readonly kind: 'false' }

/** Σ coefficient · variable + constant. */
interface Linear {
  readonly terms: ReadonlyMap<string, number>
  readonly constant: number
}

/** Multiplied out, more than this is out of reach of a search anyway. */
export const MOST_DISJUNCTS = 100_000

/** All ways to satisfy the formula: one list of comparisons each. */
export function disjunctsOf(formula: Expression, variables: Variables): readonly (readonly Atom[])[] {
  const [head, ...parts] = formula.list ?? []
  switch (head?.word) {
    case 'and':
      return parts
        .map((part) => disjunctsOf(part, variables))
        .reduce((all, part) => product(all, part, formula.line), [[]])
    case 'or': {
      const all: (readonly Atom[])[] = []
      for (const part of parts) for (const one of disjunctsOf(part, variables)) all.push(one)
      return checked(all, formula.line)
    }
    case '<=':
      return [compare(formula, parts, variables, 1)]
    case '>=':
      return [compare(formula, parts, variables, -1)]
    case '=':
      return [[...compare(formula, parts, variables, 1), ...compare(formula, parts, variables, -1)]]
  }
  if (formula.word === 'true') return [[]]
  if (formula.word === 'false') return []
  throw new SpecificationError(
    `expected and, or, <=, >= or =, not ${written(head ?? formula)}`,
    (head ?? formula).line,
  )
}

/** Every way of one with every way of the other. */
export function product(
  left: readonly (readonly Atom[])[],
  right: readonly (readonly Atom[])[],
  line: number,
): readonly (readonly Atom[])[] {
  if (left.length * right.length > MOST_DISJUNCTS) tooMany(line)
  return left.flatMap((a) => right.map((b) => (a.length ? (b.length ? [...a, ...b] : a) : b)))
}

function checked<T>(all: readonly T[], line: number): readonly T[] {
  if (all.length > MOST_DISJUNCTS) tooMany(line)
  return all
}

function tooMany(line: number): never {
  throw new SpecificationError(`more than ${MOST_DISJUNCTS} disjuncts`, line)
}

/** left ≤ right, or left ≥ right for sign −1. */
function compare(
  formula: Expression,
  sides: readonly Expression[],
  variables: Variables,
  sign: 1 | -1,
): Atom[] {
  if (sides.length !== 2)
    throw new SpecificationError(`a comparison takes two sides: ${written(formula)}`, formula.line)
  const plain = boundOf(sides, variables, sign)
  if (plain) return [plain]
  const [left, right] = sides.map((side) => linear(side, variables)) as [Linear, Linear]
  const { terms, constant } = combine(left, sign, right, -sign)
  if (Number.isNaN(constant)) throw new SpecificationError(`not a number: ${written(formula)}`, formula.line)
  const used = [...terms].filter(([, c]) => c !== 0).map(([name, c]) => [variables.get(name)!, c] as const)
  if (!used.length) return constant <= 0 ? [] : [{ kind: 'false' }]
  const outputs = used.filter(([{ side }]) => side === 'Y')
  // + 0 turns −0 into 0.
  if (outputs.length === used.length) {
    const coefficients = new Map(outputs.map(([{ index }, c]) => [index, c]))
    return [{ kind: 'output', constraint: { coefficients, bound: -constant + 0 } }]
  }
  if (used.length > 1)
    throw new SpecificationError(
      `relates several ${outputs.length ? 'variables of input and output' : 'inputs'}: inputs may only be bounded by numbers: ${written(formula)}`,
      formula.line,
    )
  const [[{ index }, c]] = used as [readonly [Variable, number]]
  return [{ kind: c > 0 ? 'high' : 'low', input: index, value: -constant / c + 0 }]
}

/** An input against a number: nearly every line of a specification, and the rest of this file would be slow for thousands. */
function boundOf([left, right]: readonly Expression[], variables: Variables, sign: 1 | -1): Atom | undefined {
  const variable = variables.get(left!.word ?? '')
  const value = variable?.side === 'X' && right!.word !== undefined ? numberOf(right!.word) : undefined
  return value === undefined ? undefined : { kind: sign > 0 ? 'high' : 'low', input: variable!.index, value }
}

function linear(term: Expression, variables: Variables): Linear {
  const { word, line } = term
  if (word !== undefined) {
    const value = numberOf(word)
    if (value !== undefined) return { terms: new Map(), constant: value }
    if (!variables.has(word)) throw new SpecificationError(`${word} is not declared`, line)
    return { terms: new Map([[word, 1]]), constant: 0 }
  }
  const [head, ...rest] = term.list!
  const parts = rest.map((part) => linear(part, variables))
  const [first, ...others] = parts
  if (first)
    switch (head!.word) {
      case '+':
        return others.reduce((sum, part) => combine(sum, 1, part, 1), first)
      case '-':
        return others.length
          ? others.reduce((sum, part) => combine(sum, 1, part, -1), first)
          : combine(first, -1, first, 0)
      case '*':
        return others.reduce((all, part) => times(all, part, term), first)
      case '/':
        return others.reduce((all, part) => divided(all, part, term), first)
    }
  throw new SpecificationError(`not a linear term: ${written(term)}`, line)
}

function combine(a: Linear, p: number, b: Linear, q: number): Linear {
  const terms = new Map([...a.terms].map(([name, c]) => [name, p * c]))
  for (const [name, c] of b.terms) terms.set(name, (terms.get(name) ?? 0) + q * c)
  return { terms, constant: p * a.constant + q * b.constant }
}

function times(a: Linear, b: Linear, term: Expression): Linear {
  if (a.terms.size && b.terms.size)
    throw new SpecificationError(`not a linear term: ${written(term)}`, term.line)
  return a.terms.size ? combine(a, b.constant, a, 0) : combine(b, a.constant, b, 0)
}

function divided(a: Linear, b: Linear, term: Expression): Linear {
  if (b.terms.size || b.constant === 0)
    throw new SpecificationError(`not a linear term: ${written(term)}`, term.line)
  return {
    terms: new Map([...a.terms].map(([n, c]) => [n, c / b.constant])),
    constant: a.constant / b.constant,
  }
}

function numberOf(word: string): number | undefined {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(word) ? Number(word) : undefined
}
