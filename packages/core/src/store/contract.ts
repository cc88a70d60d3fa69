import type { StoreCheck } from './check.ts'
import { grantChecks, leaseChecks } from './grant-checks.ts'
import { indexChecks } from './index-checks.ts'
import { sessionChecks } from './session-checks.ts'
import { admissionChecks, subjectChecks } from './subject-checks.ts'
import { userChecks } from './user-checks.ts'

export type { StoreCheck, StoreUnderTest } from './check.ts'

/** What a store of grants and leases alone must do, as a program's own on disk is. */
export const grantContract: readonly StoreCheck[] = [...grantChecks, ...leaseChecks]

/** Everything a store must do, by name. Run each check on a fresh store. */
export const storeContract: readonly StoreCheck[] = [
  ...sessionChecks,
  ...grantChecks,
  ...leaseChecks,
  ...indexChecks,
  ...subjectChecks,
  ...admissionChecks,
  ...userChecks,
]
