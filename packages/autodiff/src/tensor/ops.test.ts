import { describe, test } from 'vitest'
import { check } from './check.test.support.ts'
import { families } from './cases/all.test.support.ts'

for (const [family, cases] of Object.entries(families))
  describe(family, () => {
    for (const one of cases) test(one.name, () => check(one))
  })
