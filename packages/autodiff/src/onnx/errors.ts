/** The error for a model file that cannot be read: what is wrong, where, and what to do, in one line. */

export class OnnxFormatError extends Error {
  override readonly name = 'OnnxFormatError'
}

/** A name as it appears in a message; names come from the file, so they are cut to a readable length. */
export function quote(name: string): string {
  return `'${name.length > 80 ? `${name.slice(0, 77)}...` : name}'`.replace(/\s+/g, ' ')
}
