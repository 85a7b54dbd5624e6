/** A template tag that escapes whatever is put into it, so that hostile names cannot become markup. */

/** Markup that is safe to put into a page as it stands. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  toString(): string {
    return this.text
  }
}

/** What a template may hold: markup as it is, text and numbers escaped, lists joined, nothing for the rest. */
export type Content = Html | string | number | false | null | undefined | readonly Content[]

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

// Bidirectional overrides can make a file name read as another one; control characters are invalid in HTML.
// oxlint-disable-next-line no-control-regex
const UNPRINTABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g

/** Text without characters that steer a terminal, reorder a line or are invalid in HTML. */
export const printable = (text: string): string => text.replace(UNPRINTABLE, '\ufffd')

/** Text safe in element content and in quoted attributes. */
export const escape = (text: string): string =>
  printable(text).replace(/[&<>"']/g, (character) => ENTITIES[character]!)

const render = (content: Content): string => {
  if (content instanceof Html) return content.text
  if (Array.isArray(content)) return content.map(render).join('')
  if (content === false || content === null || content === undefined) return ''
  return escape(String(content))
}

/** Builds markup; every value is escaped unless it is markup itself. */
export const html = (parts: TemplateStringsArray, ...values: readonly Content[]): Html =>
  new Html(parts.map((part, index) => part + (index < values.length ? render(values[index]) : '')).join(''))

/** Marks text as markup. Only for text that this package made itself. */
export const raw = (text: string): Html => new Html(text)
