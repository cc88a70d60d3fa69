import { describe, expect, it } from 'vitest'
import { settleAll } from './settle-all.ts'

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('settleAll', () => {
  it('does all of it, at most 64 at once', async () => {
    let underWay = 0
    let most = 0
    const { done, failure } = await settleAll(numbers(1_000), async (number) => {
      underWay += 1
      most = Math.max(most, underWay)
      await turn()
      underWay -= 1
      return number
    })
    expect([done.toSorted((a, b) => a - b), failure, most]).toEqual([numbers(1_000), undefined, 64])
  })

  it('goes on after a failure, and says which was the first', async () => {
    const settled = await settleAll(numbers(200), async (number) => {
      await turn()
      if (number % 2 === 1) throw new Error(`no ${number}`)
      return number
    })
    expect(settled.done).toHaveLength(100)
    expect(settled.failure?.reason).toEqual(new Error('no 1'))
  })

  it('has nothing to do with nothing', async () => {
    expect(await settleAll([], () => Promise.reject(new Error('never')))).toEqual({ done: [] })
  })
})
