/** Whether attacks climb probabilities in place of scores. */
import { compile, type Tensor } from '@saddlepoint/autodiff'
import { pass, warn, type Check } from '../check.ts'

export const softmaxOutput: Check = {
  name: 'softmax output',
  source: 'Croce & Hein 2020, checks of AutoAttack',
  cost: 'quick',
  async run(context) {
    const { model } = context.field
    if (!context.isOpen) return undefined
    const { x, labels } = await context.probed()
    const scores = compile((v: Tensor) => model.logits!(v), { engine: model.engine, name: 'audit.scores' })
    let probabilities = true
    try {
      await context.eachBatch(x, labels, async (v) => {
        const { data, dims } = await scores(v)
        const width = dims[1]!
        for (let i = 0; i < dims[0]!; i++) {
          const row = Array.from(data.subarray(i * width, (i + 1) * width) as Float32Array)
          const sum = row.reduce((a, b) => a + b, 0)
          if (Math.abs(sum - 1) > 1e-3 || row.some((p) => !(p >= 0 && p <= 1))) probabilities = false
        }
      })
    } finally {
      await scores.release()
    }
    if (!probabilities)
      return pass(
        model.givesProbabilities ? 'a final activation, left out by the attacks' : 'scores',
        'attacks climb scores that do not saturate',
      )
    return warn(
      'outputs between 0 and 1 that sum to 1, and no softmax at the end that could be left out',
      'where a probability rounds to 0 or 1 its gradient is 0',
      'export the model without its softmax; loss=dlr',
    )
  },
}
