/** The table: every operator with shapes, attributes and ranges. */
import type { Case } from '../check.test.support.ts'
import { activations } from './activation.test.support.ts'
import { convs } from './conv.test.support.ts'
import { elementwise } from './elementwise.test.support.ts'
import { indexings } from './indexing.test.support.ts'
import { layouts } from './layout.test.support.ts'
import { linears } from './linear.test.support.ts'
import { normalizations } from './normalize.test.support.ts'
import { pools } from './pool.test.support.ts'
import { reduces } from './reduce.test.support.ts'
import { resizes } from './resize.test.support.ts'

export const families: Readonly<Record<string, readonly Case[]>> = {
  elementwise,
  activations,
  reduces,
  linears,
  convs,
  pools,
  normalizations,
  layouts,
  indexings,
  resizes,
}
