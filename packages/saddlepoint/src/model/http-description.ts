/** How an HTTP endpoint is asked and what its answers look like, as a JSON file says it. */
import { z } from 'zod'

/** In a template: the values of one sample, of all samples of a request, or one sample as a PNG in base64. */
export const PLACEHOLDERS = ['$sample', '$samples', '$png'] as const

export const httpDescription = z
  .object({
    url: z.url({ protocol: /^https?$/ }).describe('where questions go'),
    method: z.enum(['POST', 'PUT']).default('POST').describe('how'),
    headers: z
      .record(z.string(), z.string())
      .default({})
      .describe('headers; ${NAME} stands for the environment variable NAME'),
    shape: z
      .array(z.number().int().positive())
      .min(1)
      .describe('shape of one sample as an attack has it: [channels, height, width] for pictures'),
    classes: z.number().int().min(2).optional().describe('how many classes there are'),
    classNames: z.array(z.string()).min(2).optional().describe('their names, in the order of the labels'),
    access: z.enum(['scores', 'labels']).default('scores').describe('what an answer tells'),
    probabilities: z.boolean().default(true).describe('whether scores are probabilities; logits otherwise'),
    json: z
      .unknown()
      .optional()
      .describe(
        'body as a JSON template: "$sample" becomes the values of one sample, "$samples" those of several, "$png" a picture in base64',
      ),
    multipart: z
      .object({
        field: z.string().default('file').describe('name of the part that holds the picture as PNG'),
        fields: z.record(z.string(), z.string()).default({}).describe('other parts'),
      })
      .optional()
      .describe('body as a form with a picture, instead of `json`'),
    batch: z
      .number()
      .int()
      .min(1)
      .default(1)
      .describe('samples in one request; more than one needs "$samples"'),
    path: z
      .string()
      .default('')
      .describe('where in the answer the scores or the label stand: outputs[0].scores'),
    label: z.string().optional().describe('for lists such as [{label, score}]: key of the class'),
    score: z.string().optional().describe('for lists such as [{label, score}]: key of its score'),
    requestsPerSecond: z.number().positive().optional().describe('most requests begun in a second'),
    concurrency: z.number().int().min(1).default(4).describe('most requests under way at once'),
    retries: z.number().int().min(0).default(5).describe('tries again after 429, 5xx and lost connections'),
    timeout: z.number().positive().default(30).describe('seconds a request may take'),
  })
  .strict()
  .refine((d) => d.classes !== undefined || d.classNames !== undefined, {
    message: 'say how many classes there are: "classes" or "classNames"',
    path: ['classes'],
  })
  .refine((d) => (d.json === undefined) !== (d.multipart === undefined), {
    message: 'say what is sent: either "json" or "multipart"',
    path: ['json'],
  })
  .refine(
    (d) => d.json === undefined || PLACEHOLDERS.some((p) => JSON.stringify(d.json).includes(`"${p}"`)),
    {
      message: `the template has no place for the sample: ${PLACEHOLDERS.join(', ')}`,
      path: ['json'],
    },
  )
  .refine((d) => d.batch === 1 || JSON.stringify(d.json ?? '').includes('"$samples"'), {
    message: 'several samples in one request need "$samples" in the template',
    path: ['batch'],
  })

export type HttpDescription = z.output<typeof httpDescription>
