/** How a picture in [0, 1] becomes what a model wants to be fed; the sidecar `MODEL.saddle.json` holds the same names. */
import { z } from 'zod'

/** A number, or a fraction such as "8/255". */
export const fraction = z.union([
  z.number(),
  z.string().transform((text, context) => {
    const value = parseFraction(text)
    if (value === undefined) {
      context.addIssue({ code: 'custom', message: `"${text}" is not a number or a fraction such as 8/255` })
      return z.NEVER
    }
    return value
  }),
])

/** The value of "0.3", "8/255" or "1e-3"; undefined for anything else. */
export function parseFraction(text: string): number | undefined {
  const parts = text.split('/').map((part) => (part.trim() === '' ? NaN : Number(part)))
  const value = parts.length === 1 ? parts[0]! : parts.length === 2 ? parts[0]! / parts[1]! : NaN
  return Number.isFinite(value) ? value : undefined
}

const range = z.union([
  z.tuple([z.number(), z.number()]).refine(([low, high]) => low < high, 'the range must grow'),
  z
    .string()
    .regex(/^-?[\d.]+\.\.-?[\d.]+$/, 'a range is written 0..1, 0..255 or -1..1')
    .transform((text): [number, number] => {
      const [low, high] = text.split('..').map(Number)
      return [low!, high!]
    })
    .refine(([low, high]) => low < high, 'the range must grow'),
])

export const conventionsSchema = z
  .object({
    inputRange: range.optional().describe('values the model expects for black and white; [0, 1] if absent'),
    mean: z.array(fraction).nonempty().optional().describe('subtracted per channel, in units of inputRange'),
    std: z
      .array(fraction.refine((v) => v !== 0, 'std may not be 0'))
      .nonempty()
      .optional()
      .describe('divided by per channel'),
    bgr: z.boolean().optional().describe('channels in the order blue, green, red'),
    layout: z.enum(['nchw', 'nhwc']).optional(),
    resize: z
      .union([z.number().int().positive(), z.string()])
      .optional()
      .describe('shorter side of the picture, or WxH'),
    crop: z
      .union([z.number().int().positive(), z.string()])
      .optional()
      .describe('side of the centre crop, or WxH'),
    labelOffset: z.number().int().optional().describe('added to a data label to get the index of its output'),
    labels: z.string().optional().describe('file with the names of the classes'),
    batch: z.number().int().positive().optional(),
  })
  .strict()

export type Conventions = z.output<typeof conventionsSchema>
