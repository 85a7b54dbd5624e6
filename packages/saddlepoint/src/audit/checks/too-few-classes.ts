/** Whether there are classes enough for the difference of logits ratio. */
import { pass, warn, type Check } from '../check.ts'

export const tooFewClasses: Check = {
  name: 'too few classes for DLR',
  source: 'Croce & Hein 2020, eqs. 6 and 7',
  cost: 'quick',
  async run({ field: { model, options, criterion } }) {
    const using = options.attacks.filter((a) => a.options.loss === 'dlr')
    if (!using.length) return undefined
    const targets = criterion.targeted || using.some((a) => a.name === 'apgd-t')
    const needed = targets ? 4 : 3
    if (model.classes >= needed) return pass(`${model.classes} classes`, 'the ratio is defined')
    return warn(
      `${model.classes} classes, and ${using.map((a) => a.name).join(', ')} on DLR, which needs ${needed}`,
      'the plain difference of scores took the place of the ratio: no attack was free of their scale',
      'loss=cross-entropy or loss=scaled-cross-entropy',
    )
  },
}
