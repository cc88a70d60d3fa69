/** An account that can log in. */
export interface NadeoAccount {
  readonly kind: 'service' | 'dedicatedServer'
  readonly login: string
  readonly password: string
  /** A UUID. */
  readonly accountId: string
  readonly displayName: string
  /** A UUID. */
  readonly ubisoftId: string
}

/** One account of each kind. */
export const NADEO_ACCOUNTS: readonly NadeoAccount[] = [
  {
    kind: 'service',
    login: 'ada-service',
    password: 'nadeo-emulator-password-1',
    accountId: '00000000-0000-4000-8000-000000002001',
    displayName: 'Ada',
    ubisoftId: '00000000-0000-4000-8000-000000003001',
  },
  {
    kind: 'dedicatedServer',
    login: 'ada-server',
    password: 'nadeo-emulator-password-2',
    accountId: '00000000-0000-4000-8000-000000002002',
    displayName: 'Ada Server',
    ubisoftId: '00000000-0000-4000-8000-000000003002',
  },
]
