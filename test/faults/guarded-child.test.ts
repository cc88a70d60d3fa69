import { describe, expect, it, vi } from 'vitest'
import { GuardedChild } from '../guarded-child.ts'

describe('a guarded child', () => {
  it('that cannot be started says why to whoever asks, and troubles nobody else', async () => {
    // Vitest fails the run for a rejection that nobody has heard.
    const unheard = new GuardedChild('/no/such/program', [], {})
    await vi.waitUntil(() => !unheard.isRunning)
    const child = new GuardedChild('/no/such/program', [], {})
    expect(() => child.pid).toThrow('/no/such/program could not be started.')
    await expect(child.ended).rejects.toThrow('ENOENT')
    expect(child.isRunning).toBe(false)
  })

  it('has not ended because it could not be told something', async () => {
    const child = new GuardedChild(
      process.execPath,
      ['-e', 'process.disconnect(); setInterval(() => {}, 1e6)'],
      {
        stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      },
    )
    await new Promise((resolve) => child.child.once('disconnect', resolve))
    child.child.send('anything')
    await new Promise((resolve) => child.child.once('error', resolve))
    expect(child.isRunning).toBe(true)
    expect(await child.stop(10_000)).toBe('SIGTERM')
  })
})
