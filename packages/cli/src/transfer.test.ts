/** `saddle transfer`, as a user calls it. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { saddle, saddleJson, workplace } from './saddle.test.kit.ts'

let folder: string
beforeAll(async () => {
  folder = await workplace()
})
const here = () => ({ cwd: folder })

interface Report {
  readonly models: readonly { path: string; cleanAccuracy: number; craftedBy: string }[]
  readonly success: readonly (readonly (number | null)[])[]
}

describe.concurrent('transfer', () => {
  test('files and families in one matrix; a file to itself is what an evaluation of it finds', async () => {
    const flags = ['--data', 'data', '--eps', '0.2']
    const args = ['transfer', 'model.onnx', 'tree', 'knn', 'ensemble', '--train-data', 'data', '-o', 'out']
    const report = await saddleJson<Report>([...args, ...flags], here())
    expect(report.models.map((m) => m.craftedBy)).toEqual(['fgsm', 'leaf-search', 'fgsm on soft', 'fgsm on soft']) // prettier-ignore
    expect(report.success.map((row) => row.length)).toEqual([4, 4, 4, 4])
    expect(readFileSync(join(folder, 'out/transfer.svg'), 'utf8')).toContain('Crafted on')
    const evaluated = async (file: string) => {
      const all = await saddleJson<{ cleanAccuracy: number; results: { attacks: Record<string, { attackSuccessRate: number }> }[] }>(['evaluate', file, ...flags, '--attack', 'fgsm', '--no-report', '--out', `run-${file.length}`], here()) // prettier-ignore
      return { clean: all.cleanAccuracy, success: all.results[0]!.attacks['fgsm']!.attackSuccessRate }
    }
    const [own, tree] = await Promise.all([evaluated('model.onnx'), evaluated('out/tree.onnx')])
    expect(report.success[0]![0]).toBe(own.success)
    expect(report.models.slice(0, 2).map((m) => m.cleanAccuracy)).toEqual([own.clean, tree.clean])
    expect(existsSync(join(folder, 'out/ensemble.onnx'))).toBe(true)
  })

  test.each([
    [['model.onnx', '--data', 'data'], 'no eps given'],
    [['absent.onnx', '--data', 'data', '--eps', '0.1'], 'absent.onnx: no such model file'],
    [['model.onnx', '--data', 'data', '--eps', '0.1', '--attack', 'standard'], 'is not one attack'],
    [
      ['model.onnx', '--data', 'data', '--eps', '0.1', '--attack', 'ddn'],
      'looks for the smallest perturbation',
    ],
  ])('%s is refused in one line', async (args, message) => {
    const { code, stderr } = await saddle(['transfer', ...args], here())
    expect(code).toBe(2)
    expect(stderr).toContain(message)
    expect(stderr.trim().split('\n')).toHaveLength(1)
  })
})
