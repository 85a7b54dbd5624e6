/** The error for bad usage or bad input: the command prints its one line and ends with exit code 2. */

/**
 * A mistake that the user can put right. The message is one line that says what is wrong and where; the hint
 * says what to do.
 */
export class UsageError extends Error {
  readonly exitCode = 2
  readonly hint: string | undefined

  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'UsageError'
    this.hint = options.hint
  }
}

const systemErrors: Record<string, [reason: string, hint?: string]> = {
  ENOENT: ['no such file or folder'],
  EACCES: ['permission denied'],
  EPERM: ['operation not permitted'],
  EROFS: ['the file system is read-only', 'choose another place to write to'],
  ENOSPC: ['the disk is full', 'free some space or choose another place to write to'],
  EDQUOT: ['the disk quota is used up', 'free some space or choose another place to write to'],
  EISDIR: ['it is a folder, not a file'],
  ENOTDIR: ['a part of the path is a file, not a folder'],
  EEXIST: ['a file of that name is in the way'],
  ENAMETOOLONG: ['the name is too long'],
  EMFILE: ['too many files are open'],
  EIO: ['the disk reported an error'],
}

/**
 * Turns an error of the file system into a UsageError; any other error comes back as it is.
 *
 * @param doing what was tried, to follow "cannot", such as `read images.npy`
 */
export function fromSystemError(error: unknown, doing: string): unknown {
  const known = systemErrors[(error as NodeJS.ErrnoException | undefined)?.code ?? '']
  if (!known) return error
  const [reason, hint] = known
  return new UsageError(`cannot ${doing}: ${reason}`, { hint, cause: error })
}

/** Errors of the libraries below that speak of the user's model, data or options, by name: each has one clear line. */
const inputErrors = new Set([
  'UsageError',
  'AttackOptionError',
  'ClassifierError',
  'DetectorOptionError',
  'ExplanationError',
  'LossError',
  'MethodOptionError',
  'ModelError',
  'NoGradientError',
  'OnnxFormatError',
  'RuntimeError',
  'VisualiseError',
])

/** Whether an error is about what the user gave, rather than a fault of this program. */
export function isInputError(error: Error): boolean {
  return inputErrors.has(error.name)
}
