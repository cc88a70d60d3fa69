import type { Admission, AdmissionOutcome, Joined, Member, SubjectStore } from '@latchkey/core'
import { askToDelete } from './ask-to-delete.ts'
import type { Connection } from './connection.ts'
import { keys, milliseconds } from './keys.ts'
import { recordValue, versionMark } from './record-value.ts'
import { recordOf } from './renewing-read.ts'
import { listIn, numberIn, textIn } from './replies.ts'
import { admitGrant, countMembers, endSubject, joinSubject, leaveSubject, listMembers } from './scripts.ts'
import type { Argument } from './wire.ts'

type Left = Awaited<ReturnType<SubjectStore['leave']>>

/** Which sessions a subject or a user has, and the subject's own grant. */
export class RedisSubjects implements SubjectStore {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  async join(key: string, member: Member): Promise<Joined> {
    const names = [keys.members(key)]
    const reply = await this.#connection.ask((wire) => wire.script(joinSubject, names, ...memberArgs(member)))
    return { now: numberIn(reply) }
  }

  async admit(key: string, admission: Admission): Promise<AdmissionOutcome> {
    const { grantId, expectedVersion, record, ttlSeconds, member } = admission
    const names = [keys.grant({ slot: key, id: grantId }), keys.members(key)]
    const marks = [versionMark(expectedVersion), versionMark(record.version)]
    const args = [
      ...marks,
      recordValue(record),
      milliseconds(ttlSeconds),
      ...(member ? memberArgs(member) : []),
    ]
    const reply = await this.#connection.ask((wire) => wire.script(admitGrant, names, ...args))
    return reply === 0 ? { outcome: 'moved' } : { outcome: 'written', now: numberIn(reply) }
  }

  async leave(key: string, memberId: string, grantId?: string): Promise<Left> {
    const grant = grantId === undefined ? [] : keys.wholeGrant({ slot: key, id: grantId })
    const names = [keys.members(key), ...grant]
    return askToDelete<Left>(this.#connection, {
      operation: 'subjects.leave',
      ask: (wire) => wire.script(leaveSubject, names, memberId),
      answerIn: leftIn,
      isIncomplete: ({ left, deletedGrant }) =>
        grantId !== undefined && left === 0 && deletedGrant === undefined,
    })
  }

  async count(key: string): Promise<number> {
    return numberIn(await this.#connection.ask((wire) => wire.script(countMembers, [keys.members(key)])))
  }

  async end(
    key: string,
    ttlSeconds: number,
  ): Promise<{ readonly notBefore: number; readonly memberIds: readonly string[] }> {
    const names = [keys.members(key), keys.notBefore(key)]
    const ttl = milliseconds(ttlSeconds)
    const [notBefore, ids] = listIn(await this.#connection.ask((wire) => wire.script(endSubject, names, ttl)))
    return { notBefore: numberIn(notBefore), memberIds: idsIn(ids) }
  }

  async notBefore(key: string): Promise<number | undefined> {
    const reply = await this.#connection.ask((wire) => wire.command('get', keys.notBefore(key)))
    return reply === null ? undefined : numberIn(reply)
  }

  async members(key: string): Promise<readonly string[]> {
    return idsIn(await this.#connection.ask((wire) => wire.script(listMembers, [keys.members(key)])))
  }
}

function memberArgs({ id, expiresAt }: Member): readonly Argument[] {
  return [id, String(expiresAt), String(Math.max(0, Math.ceil(expiresAt * 1000)))]
}

function leftIn(reply: unknown): Left {
  const [left, deleted] = listIn(reply)
  const deletedGrant = recordOf(deleted)
  return { left: numberIn(left), ...(deletedGrant && { deletedGrant }) }
}

function idsIn(reply: unknown): readonly string[] {
  return listIn(reply).map((id) => textIn(id) ?? '')
}
