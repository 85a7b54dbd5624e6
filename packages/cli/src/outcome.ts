/** Ends of a command that are no mistake of its user. */

/** A bar was missed: exit code 1. */
export class GateFailed extends Error {
  override name = 'GateFailed'
  readonly exitCode = 1
}

/** Ctrl-C: what was finished is kept. */
export class Interrupted extends Error {
  override name = 'Interrupted'
  readonly exitCode = 130
}
