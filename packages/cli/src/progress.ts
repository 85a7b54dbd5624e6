/** Progress on standard error: one bar that redraws itself on a terminal, now and then a line elsewhere. */
import type { Progress } from 'saddlepoint'

const WIDTH = 24
/** Seconds between lines where nobody watches a terminal. */
const LINE_EVERY = 10

export interface ProgressDisplay {
  update(progress: Progress): void
  end(): void
}

/** @param title what is being worked on, before the stage */
export function progressDisplay(quiet: boolean | undefined, title = ''): ProgressDisplay {
  if (quiet) return { update: () => undefined, end: () => undefined }
  return process.stderr.isTTY ? bar(title) : lines(title)
}

function bar(title: string): ProgressDisplay {
  let began = performance.now()
  let stage = ''
  let drawn = 0
  return {
    update(p) {
      const now = performance.now()
      if (p.stage !== stage) {
        stage = p.stage
        began = now
      } else if (now - drawn < 80 && p.done < p.total) return
      drawn = now
      const share = p.total ? p.done / p.total : 1
      const full = Math.round(share * WIDTH)
      const left =
        share > 0 && share < 1 ? ` ${remaining(((now - began) / 1000) * (1 / share - 1))} left` : ''
      const columns = process.stderr.columns ?? 80
      const text = `${'█'.repeat(full)}${'░'.repeat(WIDTH - full)} ${describe(title, p)}${left}`
      process.stderr.write(`\r\u001B[K${text.slice(0, columns - 1)}`)
    },
    end: () => void process.stderr.write('\r\u001B[K'),
  }
}

function lines(title: string): ProgressDisplay {
  let last = performance.now()
  return {
    update(p) {
      const now = performance.now()
      if (p.done < p.total && now - last < LINE_EVERY * 1000) return
      last = now
      process.stderr.write(`${describe(title, p)}\n`)
    },
    end: () => undefined,
  }
}

function describe(title: string, { stage, done, total, standing }: Progress): string {
  const still = standing === undefined ? '' : `, ${standing} still right`
  return `${[title, readable(stage)].filter(Boolean).join(' ')} ${done}/${total}${still}`
}

/** `linf:0.0313…:pgd` or `l2:minimum:ddn` as a person says it. */
function readable(stage: string): string {
  const [norm, eps, attack] = stage.split(':')
  if (attack === undefined) return stage
  if (eps === 'minimum') return `${attack} ${norm}`
  const value = Number(eps)
  const of255 = value * 255
  const shown =
    value < 1 && Math.abs(of255 - Math.round(of255)) < 1e-9
      ? `${Math.round(of255)}/255`
      : Number(value.toPrecision(4))
  return `${attack} ${norm} ${shown}`
}

function remaining(seconds: number): string {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`
}
