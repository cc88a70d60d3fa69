import { describe, expect, it } from 'vitest'
import { Exchange } from './exchange.ts'
import type { Dispatcher } from './undici.ts'

describe('Exchange', () => {
  it('sends nothing when the connection comes after the deadline', async () => {
    let passDeadline = (): void => {}
    const clock = {
      now: () => 0,
      after: (_delayMs: number, run: () => void) => {
        passDeadline = run
        return () => {}
      },
    }
    const exchange = new Exchange({ url: new URL('https://as.example/'), maxBytes: 10, deadlineMs: 5, clock })
    const failure = expect(exchange.response).rejects.toMatchObject({ fault: 'connect' })
    passDeadline()
    let aborted = 0
    // Nothing of a real controller is used but `abort`.
    const controller = { abort: () => aborted++ } as unknown as Dispatcher.DispatchController
    exchange.handler.onRequestStart?.(controller, undefined)
    await failure
    expect(aborted).toBe(1)
  })
})
