import type { Logger } from '../log.ts'
import { LruMap } from './lru-map.ts'
import type { SessionStore, Store, SubjectStore } from './store.ts'

/** How many failed commands are remembered until they are repeated. */
const remembered = 1_000

/**
 * The parts of a store that hand back what they delete, so that it can be revoked. When such a command fails it may have
 * been carried out all the same: then its repetition finds nothing any more, and what it was about is never revoked.
 * That is said in the log.
 *
 * @param guarded its ports hold plain functions
 */
export function tellingLostAnswers(
  { sessions, subjects }: Pick<Store, 'sessions' | 'subjects'>,
  log: Logger,
): Pick<Store, 'sessions' | 'subjects'> {
  const answers = new LostAnswers(log)
  const write: SessionStore['write'] = (locator, change) => {
    const ask = () => sessions.write(locator, change)
    if (change.deleteGrants.length === 0) return ask()
    return answers.watch('sessions.write', `${locator} ${change.record.version}`, ask, (answer) => {
      return answer.outcome === 'written' && answer.deletedGrants.length === 0
    })
  }
  const remove: SessionStore['delete'] = (locator, version, grantIds) => {
    const ask = () => sessions.delete(locator, version, grantIds)
    if (grantIds.length === 0) return ask()
    return answers.watch('sessions.delete', `${locator} ${version}`, ask, (answer) => {
      return answer.outcome === 'deleted' && answer.deletedGrants.includes(undefined)
    })
  }
  const leave: SubjectStore['leave'] = (key, memberId, grantId) => {
    const ask = () => subjects.leave(key, memberId, grantId)
    if (grantId === undefined) return ask()
    return answers.watch('subjects.leave', `${key} ${memberId}`, ask, ({ left, deletedGrant }) => {
      return left === 0 && deletedGrant === undefined
    })
  }
  return { sessions: { ...sessions, write, delete: remove }, subjects: { ...subjects, leave } }
}

class LostAnswers {
  readonly #log: Logger
  readonly #failed = new LruMap<true>(remembered)

  constructor(log: Logger) {
    this.#log = log
  }

  /** @param isLate whether the answer looks like that to a command which was carried out before */
  async watch<Answer>(
    operation: string,
    name: string,
    ask: () => Promise<Answer>,
    isLate: (answer: Answer) => boolean,
  ): Promise<Answer> {
    const command = `${operation} ${name}`
    try {
      const answer = await ask()
      const isRepeated = this.#failed.peek(command) === true
      this.#failed.delete(command)
      if (isRepeated && isLate(answer)) this.#tell(operation)
      return answer
    } catch (error) {
      this.#failed.set(command, true)
      throw error
    }
  }

  #tell(operation: string): void {
    const message =
      'The answer to the end of a session was lost: its tokens are gone here, and are not revoked at their authorization server.'
    this.#log.warn({ event: 'store.answer_lost', operation }, message)
  }
}
