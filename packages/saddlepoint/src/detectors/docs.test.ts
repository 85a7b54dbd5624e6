import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { detectors } from './registry.ts'

const page = readFileSync(new URL('../../../../docs/detectors.md', import.meta.url), 'utf8')

/** `name=default`, or the name alone of an option without one. */
function optionsOf(name: string): string[] {
  const { options } = detectors.get(name)!.definition
  return Object.entries(options.shape).map(([key, schema]) => {
    const { success, data } = schema.safeParse(undefined)
    return success && data !== undefined ? `${key}=${String(data)}` : key
  })
}

test('the page lists every detector, with its source and its options', () => {
  const rows = page.split('\n').flatMap((line) => {
    const [, name, reference, options] = /^\| `([\w-]+)` +\| (.*?) +\| (.*?) *\| /.exec(line) ?? []
    return name ? [[name, reference, options!.match(/(?<=`)[^` ]+(?=`)/g) ?? []]] : []
  })
  const wanted = [...detectors].map(([name, { definition }]) => [name, definition.reference, optionsOf(name)])
  expect(rows).toEqual(wanted)
})
