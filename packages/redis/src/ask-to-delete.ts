import type { Ask, Connection } from './connection.ts'

/** A question that deletes, and is answered with what it has deleted. */
export interface Deletion<Answer> {
  /** For people: port and method. */
  readonly operation: string
  readonly ask: Ask
  readonly answerIn: (reply: unknown) => Answer
  /** True for an answer that misses something which was asked for. */
  readonly isIncomplete: (answer: Answer) => boolean
}

/**
 * Puts a question that answers otherwise when it is put again: after a broken connection the first answer may be lost, and
 * with it what had to be revoked. That is said in the log.
 */
export async function askToDelete<Answer>(
  connection: Connection,
  { operation, ask, answerIn, isIncomplete }: Deletion<Answer>,
): Promise<Answer> {
  let times = 0
  const reply = await connection.ask((wire) => {
    times += 1
    return ask(wire)
  })
  const answer = answerIn(reply)
  if (times > 1 && isIncomplete(answer)) connection.noteLostAnswer(operation)
  return answer
}
