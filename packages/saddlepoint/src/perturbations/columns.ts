/**
 * Changes that a row of a table can undergo: columns that stay, go one way only, move by whole numbers or within a range, and one-hot
 * groups that switch as a whole, each at its own price; a radius is the price of all changes. After Kireev, Kulynych, Troncoso 2023,
 * section 3, with costs that add up (l1) or the highest one (linf).
 */
import { ClassifierError } from '../model/errors.ts'
import { Rows } from './columns-rows.ts'
import { columnsSchema, costOf, readColumns } from './columns-schema.ts'
import type { Perturbation } from './perturbation.ts'

/**
 * The set that a schema describes.
 *
 * @param names of the columns, where they have any
 * @param ranges smallest and largest value of columns for which the schema says none
 * @throws ClassifierError if the schema is malformed or speaks of columns that there are not
 */
export function columns(
  schema: unknown,
  count: number,
  names: readonly string[] = [],
  ranges: readonly (readonly [number, number])[] = [],
): Perturbation {
  const parsed = columnsSchema.safeParse(schema)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new ClassifierError(`columns: ${issue!.path.join('.') || 'the schema'}: ${issue!.message}`)
  }
  const { norm, groups } = parsed.data
  const list = readColumns(parsed.data, count, names, ranges)
  const members = groups.map((_, g) => list.flatMap((c, j) => (c.group === g ? [j] : [])))
  return {
    name: 'columns',
    reference: 'Kireev et al. 2023',
    unit: 'cost',
    parametric: true,
    measure: (values) => costOf(values, list, members, norm),
    around: (place) => {
      if (place.x.rank !== 2 || place.x.shape[1] !== count)
        throw new ClassifierError(
          `columns: the schema is for rows of ${count}, not for samples [${place.x.shape.slice(1).join(', ')}]`,
        )
      return new Rows(place, list, members, norm).ball()
    },
  }
}
