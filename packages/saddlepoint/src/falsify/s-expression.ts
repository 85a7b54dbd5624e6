/** Reads the S-expressions that SMT-LIB and VNN-LIB are written in, with the line of everything. */

/** A specification that cannot be read; the message names the line where there is one. */
export class SpecificationError extends Error {
  override name = 'SpecificationError'
  constructor(message: string, line?: number) {
    super(line === undefined ? message : `line ${line}: ${message}`)
  }
}

/** A word, or a list of expressions in parentheses. */
export interface Expression {
  readonly line: number
  readonly word?: string
  readonly list?: readonly Expression[]
}

/** Deeper nesting is no specification, and would overflow the stack of whoever walks it. */
const DEEPEST = 1000

const token = /;[^\n]*|\n|[()]|"(?:[^"]|"")*"|\|[^|]*\||[^\s()";|]+|["|]/g

/** The expressions of a file, comments left out. */
export function readExpressions(text: string): Expression[] {
  const top: Expression[] = []
  const open: { line: number; list: Expression[] }[] = []
  let line = 1
  const add = (expression: Expression) => (open.at(-1)?.list ?? top).push(expression)
  for (const [word] of text.matchAll(token)) {
    if (word === '\n') line++
    else if (word === '(') {
      open.push({ line, list: [] })
      if (open.length > DEEPEST)
        throw new SpecificationError(`parentheses are nested more than ${DEEPEST} deep`, line)
    } else if (word === ')') {
      const closed = open.pop()
      if (!closed) throw new SpecificationError('")" closes nothing', line)
      add(closed)
    } else if (word === '"' || word === '|') {
      throw new SpecificationError(`${word} is not closed`, line)
    } else if (!word.startsWith(';')) {
      add({ line, word })
      for (const c of word) if (c === '\n') line++
    }
  }
  if (open.length) throw new SpecificationError('"(" is not closed', open.at(-1)!.line)
  return top
}

/** An expression as it was written, cut short, for messages. */
export function written({ word, list }: Expression, room = 60): string {
  if (list === undefined) return word!
  let text = ''
  for (const part of list) {
    if (text.length > room) return `(${text.trimEnd()} …)`
    text += `${written(part, room - text.length)} `
  }
  return `(${text.trimEnd()})`
}
