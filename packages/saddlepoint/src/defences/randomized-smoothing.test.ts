/** Certificates against linear models, whose smoothed form is known. */
import { float32, type NDArray } from '@saddlepoint/autodiff'
import { expect, test } from 'vitest'
import { linearModel } from '../linear-model.test.support.ts'
import { certifiedAccuracy, certify, predictSmoothed } from './randomized-smoothing.ts'

test('of two classes a linear model is certified almost up to its boundary, and never beyond', async () => {
  const { model, x, labels, optimum } = await linearModel({ classes: 2, features: 6, samples: 20, seed: 3 })
  const data = {
    name: 'linear',
    length: 20,
    labels,
    batch: (from: number, to: number) => Promise.resolve(slice(x, from, to)),
  }
  const options = { sigma: 0.5, draws: 2000, batchSize: 500 }
  const certificates = await certify(model, data, options)
  for (const { index, predicted, radius } of certificates) {
    const distance = optimum(index, 'l2')
    expect(radius).toBeLessThanOrEqual(distance)
    // Where noise crosses the boundary now and then, the bound is near; all draws on one side certify 0.5 · Φ⁻¹(0.001^(1/2000)).
    if (distance < 1.2) expect(radius).toBeGreaterThan(distance - 0.2)
    else expect(radius).toBeGreaterThan(1)
    if (predicted !== undefined) expect(predicted).toBe(labels[index])
  }
  const predicted = await predictSmoothed(model, x, options)
  predicted.forEach((p, i) => {
    if (optimum(i, 'l2') > 0.2) expect(p).toBe(labels[i])
  })
  expect(await certify(model, data, { ...options, batchSize: 37 })).toEqual(certificates)
  await model.engine.close()
})

test('on the boundary it abstains', async () => {
  const { model } = await linearModel({ classes: 2, features: 2, samples: 2, seed: 3 })
  // Scores that differ by noise alone: far along the boundary's own direction is where they are equal.
  const x = await boundaryPoint(model.predict.bind(model))
  const data = { name: 'boundary', length: 1, labels: [0], batch: () => Promise.resolve(x) }
  const [certificate] = await certify(model, data, { sigma: 0.5, draws: 500 })
  expect(certificate).toMatchObject({ predicted: undefined, radius: 0 })
  expect(await predictSmoothed(model, x, { sigma: 0.5, draws: 500 })).toEqual([undefined])
  await model.engine.close()
})

test('the curve counts what is right and certified that far', () => {
  const certificate = (label: number, predicted: number | undefined, radius: number) => ({
    index: 0,
    label,
    predicted,
    radius,
    probability: 1,
  })
  const list = [
    certificate(0, 0, 0.5),
    certificate(1, 0, 0.9),
    certificate(1, 1, 0.2),
    certificate(1, undefined, 0),
  ]
  expect(certifiedAccuracy(list, [0, 0.25, 0.6])).toEqual([
    { radius: 0, accuracy: 0.5 },
    { radius: 0.25, accuracy: 0.25 },
    { radius: 0.6, accuracy: 0 },
  ])
})

test.each([
  [{ sigma: 0 }, /sigma lies above 0/],
  [{ sigma: 1, alpha: 1 }, /alpha lies between/],
  [{ sigma: 1, draws: 0.5 }, /draws is a whole number/],
])('%o is refused', async (options, message) => {
  const { model, x, labels } = await linearModel({ classes: 2, features: 2, samples: 1, seed: 1 })
  const data = { name: 'one', length: 1, labels, batch: () => Promise.resolve(x) }
  await expect(certify(model, data, options)).rejects.toThrow(message)
  await model.engine.close()
})

function slice(x: NDArray, from: number, to: number): NDArray {
  const size = x.data.length / x.dims[0]!
  return float32([to - from, ...x.dims.slice(1)], (x.data as Float32Array).subarray(from * size, to * size))
}

/** By bisection along the first axis. */
async function boundaryPoint(predict: (x: NDArray) => Promise<NDArray>): Promise<NDArray> {
  const ahead = async (v: number) => {
    const { data } = await predict(float32([1, 2], [v, 0]))
    return Number(data[1]) - Number(data[0])
  }
  let [low, high] = [-100, 100]
  const rising = (await ahead(high)) > (await ahead(low))
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if ((await ahead(middle)) > 0 === rising) high = middle
    else low = middle
  }
  return float32([1, 2], [low, 0])
}
