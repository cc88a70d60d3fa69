import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { isSurelyGone, thisProcess } from './process-id.ts'

describe('isSurelyGone', () => {
  it('is false for this process, and for one that runs', () => {
    expect(isSurelyGone(thisProcess)).toBe(false)
    expect(isSurelyGone({ ...thisProcess, pid: process.ppid, startedAt: undefined as never })).toBe(false)
  })

  it('is true from the end of a process on', async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    const { startedAt: _, ...id } = { ...thisProcess, pid: child.pid ?? 0 }
    expect(isSurelyGone(id)).toBe(false)
    const ended = once(child, 'exit')
    child.stdin.end()
    await ended
    expect(isSurelyGone(id)).toBe(true)
  })

  it.skipIf(process.platform !== 'linux')('tells processes of one pid apart by when they began', () => {
    expect(isSurelyGone({ ...thisProcess, startedAt: '1' })).toBe(true)
  })

  it.skipIf(process.platform !== 'linux')(
    'is true for every process of an earlier start of this machine',
    () => {
      const machine = thisProcess.machine.replace(/ \S+ /, ' another-boot ')
      expect(isSurelyGone({ ...thisProcess, machine })).toBe(true)
    },
  )

  it('is false where nobody can tell', () => {
    expect(isSurelyGone({ ...thisProcess, pid: 2 ** 22 + 1, machine: 'elsewhere boot pid:[1]' })).toBe(false)
    expect(isSurelyGone({ ...thisProcess, pid: 2 ** 22 + 1, machine: 'elsewhere' })).toBe(false)
  })
})
