/** Sets whose perturbations are parameters: attacks on the built-in robust model, and a check that is not taken in. */
import { readFileSync } from 'node:fs'
import { constantMatrix, createEngine, float32, matMul, takeRows, type NDArray } from '@saddlepoint/autodiff'
import { afterAll, describe, expect, test } from 'vitest'
import { misclassified } from '../criteria/criterion.ts'
import { signBatch, signSeeds } from '../data/signs/signs.ts'
import { Verifier } from '../evaluate/verify.ts'
import { parseLoss } from '../losses/registry.ts'
import { classifier } from '../model/classifier.ts'
import { latentOf, perturbations, type Perturbation } from '../perturbations/index.ts'
import { prepare } from './driver.ts'
import { parseAttack } from './registry.ts'

const COUNT = 8
const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())
const path = new URL('../../../cli/assets/signs/robust.onnx', import.meta.url)
const model = await classifier(new Uint8Array(readFileSync(path)), { engine })
const { images, labels: classes } = signBatch({ seed: signSeeds.test, from: 0, count: COUNT })
const x = float32(
  images.dims,
  Float32Array.from(images.data as Uint8Array, (v) => v / 255),
)
const labels = Array.from(classes.data, Number)

/** A generator of smooth pictures: columns of colour, from their amplitudes. */
const COLUMNS = 8
const values = x.data.length / COUNT
const pick = (k: number, i: number) => (Math.floor((i % 32) / 4) === k ? 1 / 32 : 0)
const [down, up] = [
  constantMatrix(values, COLUMNS, (i, k) => pick(k, i)),
  constantMatrix(COLUMNS, values, pick),
]
const generator = latentOf({
  encode: (t) => matMul(t.reshape([t.shape[0]!, values]), down),
  decode: (z) => matMul(z, up).reshape([z.shape[0]!, 3, 32, 32]),
  residual: true,
})
const sets: Readonly<Record<string, Perturbation>> = { ...perturbations, latent: generator }

const attacked = async (name: string, text: string, eps: number, rows = labels.map((_, i) => i)) => {
  const attack = parseAttack(text)[0]!
  const loss = parseLoss(attack.options.loss)
  const perturbation = sets[name]!
  const prepared = await prepare(attack, { model, perturbation, criterion: misclassified, loss, engine })
  const outcome = await prepared.run(
    { x: takeRows(x, rows), labels: rows.map((i) => labels[i]!), eps: rows.map(() => eps), samples: rows },
    { seed: 1 },
  )
  await prepared.release()
  return outcome
}

const verified = async (name: string, adversarials: NDArray, eps: number, parameters?: NDArray) => {
  const verifier = new Verifier(model, sets[name]!, misclassified)
  const found = await verifier.verify(x, adversarials, labels, labels, eps, parameters)
  await verifier.release()
  return found
}

/** A set, attacks over it, and a radius at which some of the samples fall. */
const runs: readonly (readonly [string, readonly string[], number])[] = [
  ['rotation', ['rotation:angles=7,shifts=3', 'pgd:steps=15', 'apgd-ce:steps=10', 'fw'], 30],
  ['similarity', ['uniform-noise:queries=20', 'mim', 'pgd:steps=5,gradient=nes,samples=10,sigma=0.5'], 30],
  ['flow', ['pgd:steps=10', 'flow:steps=20,learningRate=0.03,smoothness=0.01'], 0.08],
  ['recolor', ['pgd:steps=8', 'recolor:steps=8,learningRate=0.02'], 0.12],
  ['perceptual', ['perceptual:rounds=2,steps=8', 'pgd:steps=5'], 1.5],
  ['latent', ['latent', 'apgd-ce:steps=10'], 5],
]

describe.each(runs)('%s', (name, attacks, eps) => {
  test.each(attacks)('%s: what it claims holds', async (text) => {
    const { adversarials, parameters, success } = await attacked(name, text, eps)
    expect(parameters!.dims[0]).toBe(COUNT)
    const checked = await verified(name, adversarials, eps, parameters)
    expect(checked.map((c) => c.holds)).toEqual(success)
    for (const { size } of checked) expect(size).toBeLessThanOrEqual(eps * (1 + 1e-5))
  })

  test('finds something, the same for every batch size', async () => {
    const whole = await attacked(name, attacks[0]!, eps)
    expect(whole.success.filter(Boolean).length).toBeGreaterThan(0)
    const row = COUNT - 1
    const alone = await attacked(name, attacks[0]!, eps, [row])
    const there = takeRows(whole.adversarials, [row]).data as Float32Array
    expect(alone.success[0]).toBe(whole.success[row])
    for (const [i, v] of there.entries()) expect(alone.adversarials.data[i]).toBeCloseTo(v, 4)
  })

  test('the check refuses parameters that are too large, or that make something else', async () => {
    const { adversarials, parameters, success } = await attacked(name, attacks[0]!, eps)
    const holding = async (...given: [NDArray, number, NDArray?]) =>
      (await verified(name, ...given)).filter((c) => c.holds).length
    const { type, dims, data } = parameters!
    const forged = { type, dims, data: (data as Float32Array).map((v) => v / 2) }
    expect(await holding(adversarials, eps, parameters)).toBe(success.filter(Boolean).length)
    expect(await holding(adversarials, eps / 1e4, parameters)).toBe(0)
    expect(await holding(adversarials, eps, forged)).toBe(0)
    expect(await holding(adversarials, eps)).toBe(0)
    expect((await verified(name, x, eps)).map((c) => c.size)).toEqual(labels.map(() => 0))
  })
})

test('an attack with a set of its own refuses another', async () => {
  await expect(attacked('linf', 'rotation', 0.1)).rejects.toThrow('rotation is for rotation, not for linf')
})

test('attacks that draw pictures refuse parameters', async () => {
  await expect(attacked('rotation', 'ti-fgsm', 30)).rejects.toThrow('parameters')
})
