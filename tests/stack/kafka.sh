# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # common.sh is read before it
# Apache Kafka 4.3 from Maven Central in KRaft mode, as three processes: a controller and the
# brokers a and b, so that either broker may be killed and started again with its data.

kafka_release=4.3.1
kafka_dir=$cache/kafka-$kafka_release
kafka_cluster=MkU3OEVBNTcwNTJENDM2Qg
kafka_java_at_least=17
kafka_jvm='-Xms64m -Xmx256m -Xss512k -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData'
if [ -n "${TAILRACE_STACK_BENCH:-}" ]; then # slower to start, faster later: as Kafka's own script starts brokers
    kafka_jvm='-Xms1g -Xmx1g -Xss512k -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35
        -XX:-UsePerfData'
fi

install() {
    need java kcat
    cached "${kafka_dir##*/}" fill_kafka
}

fill_kafka() { # DIR
    local copy=org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies
    need mvn
    java_is_new_enough || die "Kafka needs Java $kafka_java_at_least; this is $(command -v java)"
    say "Kafka $kafka_release: fetching its jars with Maven (45 MB)"
    retry quietly mvn -B -q -ntp -f "$here/kafka-pom.xml" \
        -Dkafka.version="$kafka_release" -Dmaven.repo.local="$1/maven" "$copy" \
        -DincludeScope=runtime -DoutputDirectory="$1/lib"
    rm -rf "$1/maven"
}

java_is_new_enough() {
    local major
    major=$(java -version 2>&1 | sed -nE 's/.* version "([0-9]+).*/\1/p')
    [ "${major:-0}" -ge "$kafka_java_at_least" ]
}

kafka_port() { # NODE
    case $1 in
    kafka-controller) port 3 ;;
    kafka-a) port 4 ;;
    kafka-b) port 5 ;;
    esac
}

kafka_role() { # NODE
    case $1 in
    kafka-controller) printf '%s\n' process.roles=controller node.id=1 ;;
    kafka-a) printf '%s\n' process.roles=broker node.id=2 ;;
    kafka-b) printf '%s\n' process.roles=broker node.id=3 ;;
    esac
    case $1 in
    kafka-controller) echo "listeners=CONTROLLER://$(env "$1")" ;;
    *) kafka_listeners "$1" ;;
    esac
}

# With TAILRACE_STACK_STORM a broker has a second listener, port + 10, whose clients are sent to
# port + 20 of each broker: there a test has its proxy.
kafka_listeners() { # NODE
    local at
    at=$(kafka_port "$1")
    if [ -z "${TAILRACE_STACK_STORM:-}" ]; then
        echo "listeners=PLAINTEXT://127.0.0.1:$at"
        return
    fi
    cat <<PROPERTIES
listeners=PLAINTEXT://127.0.0.1:$at,PROXIED://127.0.0.1:$((at + 10))
advertised.listeners=PLAINTEXT://127.0.0.1:$at,PROXIED://127.0.0.1:$((at + 20))
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
group.min.session.timeout.ms=1000
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
PROPERTIES
}

# One partition for each internal topic, short sessions and few threads: what a test waits for is
# mostly the time that a broker takes to start and to notice that the other one is dead.
configure() { # NODE
    kafka_role "$1"
    cat <<PROPERTIES
controller.quorum.voters=1@$(env kafka-controller)
controller.listener.names=CONTROLLER
log.dirs=$(node_dir "$1")/data
auto.create.topics.enable=false
default.replication.factor=2
message.max.bytes=10485760
replica.fetch.max.bytes=10485760
offsets.topic.replication.factor=2
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=2
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=2
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=2
background.threads=2
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=4194304
log.cleaner.io.buffer.size=131072
PROPERTIES
}

kafka_spawn() { # NODE CLASS ARG…
    local node=$1
    shift
    # shellcheck disable=SC2086 # a list of options
    spawn "$node" java $kafka_jvm -Djava.io.tmpdir="$(node_dir "$node")/tmp" \
        -Dlog4j2.configurationFile="$here/kafka-log4j2.properties" -cp "$kafka_dir/lib/*" "$@"
}

# tool CLASS ARG…: one of Kafka's command line tools
tool() {
    exec java -Xmx128m -XX:TieredStopAtLevel=1 -Dlog4j2.configurationFile="$here/kafka-log4j2.properties" \
        -cp "$kafka_dir/lib/*" "$@"
}

format() { # NODE
    kafka_spawn "$1" kafka.tools.StorageTool format -g -t "$kafka_cluster" \
        -c "$(node_dir "$1")/server.properties"
    finish "$1"
}

# The controller and the brokers look for each other, so all are started at once.
start() { # NODE…
    local node dir pids=() pid
    for node; do
        dir=$(node_dir "$node")
        mkdir -p "$dir/tmp"
        configure "$node" > "$dir/server.properties"
        [ -f "$dir/data/meta.properties" ] || { format "$node" & pids+=($!); }
    done
    for pid in "${pids[@]}"; do wait "$pid" || exit 1; done
    for node; do kafka_spawn "$node" kafka.Kafka "$(node_dir "$node")/server.properties"; done
    for node; do await "$node" 60; done
    settle 60
}

alive() { # NODE
    running "$1" || return 1
    case $1 in
    kafka-controller) answers "$(kafka_port "$1")" ;;
    *) [ -n "$(brokers_known_to "$1")" ] ;;
    esac
}

brokers_known_to() { # NODE: how many, or nothing if it does not answer
    kcat -b "$(env "$1")" -L -m 3 2> /dev/null |
        sed -nE 's/^ *([0-9]+) brokers:.*/\1/p'
}

# Each running broker must know all running ones: one alone may still serve a stale list.
settle() { # SECONDS
    local end=$((SECONDS + $1)) node up=()
    for node in kafka-a kafka-b; do ! running "$node" || up+=("$node"); done
    for node in "${up[@]}"; do
        until [ "$(brokers_known_to "$node")" = ${#up[@]} ]; do
            [ "$SECONDS" -lt "$end" ] || fail "$node" "does not see ${#up[@]} brokers"
            sleep 0.1
        done
    done
}

# A broker hands its partitions over with the controller's help, so that one goes last.
stop() { # NODE…
    local node brokers=() last=()
    for node; do
        case $node in
        kafka-controller) last=("$node") ;;
        *) brokers+=("$node") ;;
        esac
    done
    halt "${brokers[@]}"
    halt "${last[@]}"
}

env() { # NODE, or kafka: both brokers, as a client's list of servers
    case $1 in
    kafka) echo "$(env kafka-a),$(env kafka-b)" ;;
    *) echo "127.0.0.1:$(kafka_port "$1")" ;;
    esac
}

version() { echo "$kafka_release"; }
