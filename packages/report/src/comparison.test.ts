import { expect, it } from 'vitest'
import { reservations } from './comparison.ts'
import { flips } from './flips.ts'
import { evaluation, threat } from './results.test.fixture.ts'

it('has no reservations about equal runs', () => {
  expect(reservations([evaluation(), evaluation()])).toEqual([])
})

it('says what makes two runs hard to compare', () => {
  const { data } = evaluation()
  expect(reservations([evaluation(), evaluation({ data: { ...data, name: 'svhn' } })])[0]).toMatch(
    /different data/,
  )
  expect(reservations([evaluation(), evaluation({ data: { ...data, samples: 10 } })])[0]).toMatch(
    /numbers of/,
  )
  expect(reservations([evaluation(), evaluation({ seed: 8 })])[0]).toMatch(/seeds/)
  expect(reservations([evaluation(), evaluation({ complete: false })])[0]).toMatch(/complete/)
})

it('notices other attacks and other options, at the radius where they differ', () => {
  const other = threat('linf', 8 / 255, 3)
  const { pgd, ...rest } = other.attacks
  const missing = evaluation({ results: [{ ...other, attacks: rest }] })
  expect(reservations([evaluation(), missing])).toEqual([expect.stringContaining('differ at L∞ 8/255')])
  const fewer = { ...other, attacks: { ...other.attacks, pgd: { ...pgd!, options: { steps: 1 } } } }
  expect(reservations([evaluation(), evaluation({ results: [fewer] })])).toHaveLength(1)
})

it('counts changes of class of samples that were right when clean', () => {
  expect(flips(evaluation(), threat('linf', 8 / 255, 3))).toEqual([
    { from: 3, to: 5, samples: 2 },
    { from: 3, to: 4, samples: 1 },
  ])
  expect(flips(evaluation(), threat('l2', 0.5, 3))).toEqual([])
})
