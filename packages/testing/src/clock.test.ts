import { describe, expect, it } from 'vitest'
import { TestClock } from './clock.ts'

describe('TestClock', () => {
  it('runs with real time plus its jumps', async () => {
    const clock = new TestClock()
    expect(Math.abs(clock.now() - Date.now() / 1000)).toBeLessThan(1)
    await clock.advance(3600)
    expect(clock.now() - Date.now() / 1000).toBeGreaterThan(3599)
  })

  it('fires due timers in order of their due time and keeps the rest', async () => {
    const clock = new TestClock({ frozen: true, startAt: 1000 })
    const fired: string[] = []
    clock.after(20_000, () => fired.push('second'))
    clock.after(10_000, () => fired.push('first'))
    clock.after(90_000, () => fired.push('later'))
    const cancel = clock.after(5000, () => fired.push('cancelled'))
    cancel()
    await clock.advance(60)
    expect([clock.now(), fired, clock.pending]).toEqual([1060, ['first', 'second'], 1])
  })

  it('lets what a timer awaits run before advance resolves', async () => {
    const clock = new TestClock({ frozen: true })
    const steps: string[] = []
    clock.after(1000, () => {
      Promise.resolve()
        .then(() => steps.push('one'))
        .then(() => steps.push('two'))
    })
    await clock.advance(1)
    expect(steps).toEqual(['one', 'two'])
  })

  it('does not fire a timer that an earlier one cancelled', async () => {
    const clock = new TestClock({ frozen: true })
    let fired = false
    const cancel = clock.after(2000, () => {
      fired = true
    })
    clock.after(1000, cancel)
    await clock.advance(3)
    expect([fired, clock.pending]).toEqual([false, 0])
  })

  it('re-arms real timers after a jump', async () => {
    const clock = new TestClock()
    const fired = new Promise<void>((resolve) => clock.after(3_600_000, resolve))
    await clock.advance(3599.99)
    // The timer does not keep the process alive, so something else has to.
    const alive = setInterval(() => {}, 1000)
    await fired
    clearInterval(alive)
    expect(clock.pending).toBe(0)
  })

  it('steps the wall clock without touching timers, forward and backward', async () => {
    const clock = new TestClock({ frozen: true, startAt: 10_000 })
    let fired = 0
    clock.after(10_000, () => fired++)
    clock.step(3600)
    expect([clock.now(), fired]).toEqual([13_600, 0])
    await clock.advance(-7200)
    expect([clock.now(), fired]).toEqual([6400, 0])
    await clock.advance(10)
    expect(fired).toBe(1)
  })

  it('takes a delay above 2^31-1 ms as 2^31-1 ms instead of firing at once', async () => {
    const clock = new TestClock({ frozen: true })
    const running = new TestClock()
    let fired = 0
    clock.after(1e13, () => fired++)
    running.after(1e13, () => fired++)
    await clock.advance(2_147_483)
    expect(fired).toBe(0)
    await clock.advance(1)
    expect([fired, running.pending]).toEqual([1, 1])
  })
})
