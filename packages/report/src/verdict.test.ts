import { describe, expect, it } from 'vitest'
import { evaluation, threat } from './results.test.fixture.ts'
import { verdict } from './verdict.ts'

const only = (robust: number) => evaluation({ results: [threat('linf', 8 / 255, robust)] })
const texts = (...given: Parameters<typeof verdict>) => verdict(...given).remarks.map(({ text }) => text)

describe('the sentence', () => {
  it('names clean accuracy, what is left, radius, interval and the attacks', () => {
    const result = evaluation({ results: [threat('linf', 8 / 255, 3)] })
    expect(verdict(result).sentence).toBe(
      'standard.onnx: 98.4 % right on 256 clean pictures; 1.2 % left at Linf 8/255 (95 % interval 0.4–3.4 %), ' +
        'each picture facing the worst of pgd, apgd-ce and square.',
    )
  })

  it('takes the widest radius of each norm where there are many', () => {
    const { sentence } = verdict(evaluation())
    expect(sentence).toContain('1.2 % left at Linf 8/255')
    expect(sentence).toContain('and 23.4 % at L2 0.5')
    expect(sentence).not.toContain('4/255')
  })

  it('gives each radius its own attacks where they differ', () => {
    const one = threat('l2', 0.5, 60)
    const { pgd } = one.attacks
    const result = evaluation({ results: [threat('linf', 8 / 255, 3), { ...one, attacks: { pgd: pgd! } }] })
    expect(verdict(result).sentence).toMatch(
      /at Linf 8\/255 each picture facing the worst of pgd, apgd-ce and square \(.*\) and .* at L2 0.5 under pgd \(/,
    )
  })

  it('says that nothing is known without samples or attacks', () => {
    const empty = evaluation({
      data: { name: 'none', samples: 0, skipped: [] },
      cleanAccuracy: Number.NaN,
      results: [],
      minimumNorm: {},
    })
    expect(verdict(empty).sentence).toBe(
      'standard.onnx: no sample was evaluated, so nothing is known about it.',
    )
    expect(verdict(evaluation({ results: [], minimumNorm: {} })).sentence).toContain('no attack was run')
    const unattacked = [{ ...threat('linf', 0.1, 252), attacks: {} }]
    expect(verdict(evaluation({ results: unattacked, minimumNorm: {} })).sentence).toContain(
      'no attack was run',
    )
  })

  it('falls back to the smallest perturbations, and does not call tables pictures', () => {
    const model = { ...evaluation().model, inputShape: [-1, 30] }
    expect(verdict(evaluation({ results: [], model })).sentence).toBe(
      'standard.onnx: 98.4 % right on 256 clean samples; ' +
        'the median smallest L2 perturbation found by fmn is 0.142.',
    )
  })
})

describe('the remarks', () => {
  it('call every number above zero an upper bound, and zero none', () => {
    expect(texts(only(3))).toContain('An upper bound: a stronger attack can only lower it.')
    expect(texts(only(0)).join()).not.toMatch(/upper bound/i)
    expect(texts(evaluation())).toContain('Upper bounds: stronger attacks can only lower them.')
  })

  it('doubt runs that were stopped, failed checks and files left out', () => {
    expect(texts(evaluation({ complete: false })).join()).toMatch(/stopped early/)
    expect(texts(evaluation()).join()).not.toMatch(/stopped early/)
    expect(texts(evaluation())).toContain(
      'Of 3 audit checks, 1 failed and 1 warned: read them before trusting these numbers.',
    )
    expect(texts(evaluation())).toContain('1 file could not be used and is not counted.')
    expect(texts(evaluation({ audit: [] })).join()).not.toMatch(/audit/)
  })

  it('doubt a model that guesses', () => {
    expect(texts(evaluation({ cleanAccuracy: 0.12 })).join()).toMatch(/guessing among 10 classes/)
    expect(texts(evaluation({ cleanAccuracy: 0.3 })).join()).not.toMatch(/guessing/)
  })
})
