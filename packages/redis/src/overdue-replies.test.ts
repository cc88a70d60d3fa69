import { describe, expect, it } from 'vitest'
import { type AwaitedReply, OverdueReplies } from './overdue-replies.ts'

/** Replies that are awaited, and the numbers of those that were overdue. */
function awaiting(count: number, timeoutMs = 10) {
  const replies = new OverdueReplies(timeoutMs)
  const overdue: number[] = []
  const reply = (number: number): AwaitedReply => ({
    writtenAt: performance.now(),
    earlier: undefined,
    later: undefined,
    onOverdue: () => overdue.push(number),
  })
  const awaited = Array.from({ length: count }, (_, number) => reply(number))
  for (const one of awaited) replies.add(one)
  const answer = (number: number): void => replies.delete(awaited[number] as AwaitedReply) // it is there
  return { overdue, answer, add: (number: number) => replies.add(reply(number)) }
}

describe('OverdueReplies', () => {
  it.each([
    ['the first', [0], [1, 2, 3, 4]],
    ['the last', [4], [0, 1, 2, 3]],
    ['one between', [2], [0, 1, 3, 4]],
    ['neighbours, the later first', [3, 2], [0, 1, 4]],
    ['neighbours, the earlier first', [2, 3], [0, 1, 4]],
    ['both ends', [0, 4], [1, 2, 3]],
    ['one twice', [1, 1, 0, 0], [2, 3, 4]],
    ['all but one', [4, 0, 3, 1], [2]],
  ])('tells of all but those that were answered, in their order: %s', async (_which, answered, expected) => {
    const { overdue, answer } = awaiting(5)
    for (const number of answered) answer(number)
    await expect.poll(() => overdue.length).toBe(expected.length)
    expect(overdue).toEqual(expected)
  })

  it('tells of what is written after all were answered, or overdue', async () => {
    const { overdue, answer, add } = awaiting(2)
    answer(1)
    answer(0)
    add(2)
    await expect.poll(() => overdue).toEqual([2])
    answer(0)
    add(3)
    add(4)
    await expect.poll(() => overdue).toEqual([2, 3, 4])
  })
})
