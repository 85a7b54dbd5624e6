/** A classifier behind an HTTP endpoint, asked politely: rate limit, retries with back-off, each sample once, a budget. */
import { float32, rows, type Engine, type NDArray } from '@saddlepoint/autodiff'
import ky, { HTTPError, TimeoutError, type KyInstance } from 'ky'
import pThrottle from 'p-throttle'
import { BlackBox, QueryBudgetError, type Charge } from './black-box.ts'
import { ClassifierError } from './errors.ts'
import { bodyOf, classCount, readAnswer, type EncodePicture } from './http-body.ts'
import type { HttpDescription } from './http-description.ts'

export interface HttpTargetOptions {
  /** Host names that may be asked besides this machine's own. */
  readonly allowHosts?: readonly string[]
  /** What `${NAME}` in a header stands for. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Needed where pictures are sent. */
  readonly encode?: EncodePicture
  /** Requests that may be made in all, one sample counted as one, tries again included. */
  readonly maxQueries?: number
  readonly name?: string
  readonly labelOffset?: number
  readonly bounds?: readonly [number, number]
  readonly engine?: Engine
}

/**
 * @throws ClassifierError if the host is not this machine and not allowed, or a header names a variable that is not set
 * @throws ClassifierError, later, where the endpoint fails for good or answers something else than described
 */
export function httpTarget(description: HttpDescription, options: HttpTargetOptions = {}): BlackBox {
  checkHost(description.url, options.allowHosts ?? [])
  const client = clientOf(description, headersOf(description, options.environment ?? {}))
  const { requestsPerSecond = Infinity, concurrency, batch } = description
  const paced = Number.isFinite(requestsPerSecond)
    ? pThrottle({ limit: 1, interval: 1000 / requestsPerSecond })
    : undefined
  const send = (samples: readonly NDArray[], signal: AbortSignal | undefined, charge: Charge) =>
    request(client, description, samples, options.encode, signal, charge)
  const asked = paced ? paced(send) : send

  return new BlackBox(
    async (x, signal, charge) => {
      const requests = Array.from({ length: Math.ceil(x.dims[0]! / batch) }, (_, i) =>
        Array.from({ length: Math.min(batch, x.dims[0]! - i * batch) }, (__, j) =>
          rows(x, i * batch + j, i * batch + j + 1),
        ),
      )
      const answers = await Promise.all(requests.map((samples) => asked(samples, signal, charge)))
      const flat = answers.flat()
      return float32([flat.length, flat[0]!.length], flat.flat())
    },
    {
      ...options,
      name: options.name ?? description.url,
      shape: description.shape,
      classes: classCount(description),
      classNames: description.classNames,
      access: description.access,
      probabilities: description.probabilities,
      batchSize: batch * concurrency,
    },
  )
}

/** Statuses after which another try makes sense. */
const RETRIED = [408, 425, 429, 500, 502, 503, 504]

function clientOf(
  { method, retries, timeout }: HttpDescription,
  headers: Readonly<Record<string, string>>,
): KyInstance {
  return ky.create({
    method,
    headers: { ...headers },
    // A redirect could lead to a host that nobody allowed.
    redirect: 'error',
    timeout: timeout * 1000,
    retry: {
      limit: retries,
      methods: [method.toLowerCase() as 'post' | 'put'],
      statusCodes: RETRIED,
      afterStatusCodes: RETRIED,
      backoffLimit: 30_000,
      jitter: true,
    },
  })
}

async function request(
  client: KyInstance,
  description: HttpDescription,
  samples: readonly NDArray[],
  encode: EncodePicture | undefined,
  signal: AbortSignal | undefined,
  charge: Charge,
): Promise<number[][]> {
  const sent = await bodyOf(description, samples, encode)
  const { url } = description
  try {
    const hooks = { beforeRetry: [() => charge(samples.length)] }
    const answer = await client(url, { ...sent, signal, hooks }).json()
    return readAnswer(description, answer, samples.length)
  } catch (error) {
    if (error instanceof ClassifierError || error instanceof QueryBudgetError || signal?.aborted) throw error
    throw new ClassifierError(`${url}: ${reason(error)}`, { cause: error })
  }
}

function reason(error: unknown): string {
  if (error instanceof HTTPError) return `answered ${error.response.status} ${error.response.statusText}`
  if (error instanceof TimeoutError) return 'did not answer in time ("timeout" is in seconds)'
  if (error instanceof SyntaxError) return `its answer is not JSON: ${error.message}`
  const { message, cause } = error as Error
  return `cannot be asked: ${cause instanceof Error ? cause.message : message}`
}

function checkHost(url: string, allowed: readonly string[]): void {
  const { hostname } = new URL(url)
  const own = hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname)
  if (own || allowed.includes(hostname)) return
  throw new ClassifierError(
    `${url} is not on this machine: attacks send many requests, so a host has to be allowed by name (--allow-host ${hostname})`,
  )
}

function headersOf(
  { headers }: HttpDescription,
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const value = (name: string, text: string) =>
    text.replaceAll(/\$\{(\w+)\}/g, (_, variable: string) => {
      const found = environment[variable]
      if (found === undefined)
        throw new ClassifierError(
          `the header ${name} takes ${variable} from the environment, where it is not set`,
        )
      return found
    })
  return Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, value(name, text)]))
}
