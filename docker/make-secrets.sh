#!/bin/sh
# Writes the secrets of docker-compose.yml into docker/secrets, once; files that exist are kept.
# Needs only a POSIX shell, od, tr and base64.
set -eu
umask 022
cd "$(dirname "$0")"
mkdir -p secrets
chmod 700 secrets

random_hex() { od -An -v -tx1 -N "$1" /dev/urandom | tr -d ' \n'; }

# The files are readable inside the containers, whose user is not yours; the folder keeps others out here.
write_once() {
  if [ -s "secrets/$1" ]; then
    echo "kept     docker/secrets/$1"
  else
    printf '%s' "$2" > "secrets/$1"
    chmod 444 "secrets/$1"
    echo "written  docker/secrets/$1"
  fi
}

write_once postgres_password "$(random_hex 24)"
write_once database_url "postgres://posthorn:$(cat secrets/postgres_password)@postgres:5432/posthorn"
write_once encryption_keys "k1:$(head -c 32 /dev/urandom | base64 | tr -d '\n')"
write_once bootstrap_key "phk_$(random_hex 16)_$(random_hex 32)"
