#!/bin/sh
# Makes the recordings and films of this folder: `sh make.sh`, with ffmpeg on the PATH.
# They are committed, so that tests need no encoder; their lengths are in tests/bounds/test_sound.py.
set -eu
cd "$(dirname "$0")"

make() { ffmpeg -v error -y -f lavfi -i "$@" -fflags +bitexact -flags:a +bitexact; }
tone='sine=f=300:d=3.3:r=16000'
silence='anullsrc=r=16000:cl=mono'

make "$tone" -c:a libmp3lame -b:a 16k constant.mp3
make "$tone" -c:a libmp3lame -q:a 9 variable.mp3
make "$tone" -c:a libmp3lame -q:a 9 -write_xing 0 untold.mp3
make "$tone" -c:a flac tone.flac
make "$silence" -t 120 -c:a flac -compression_level 12 muted.flac
make "$tone" -c:a flac -f ogg flac.ogg
make "$tone" -c:a libopus -b:a 8k tone.opus
make "$silence" -t 60 -c:a libopus -b:a 6k -frame_duration 60 muted.opus
make "$tone" -c:a libvorbis -q:a 0 tone.ogg
make "$tone" -c:a aac -b:a 12k tone.m4a
make "$tone" -c:a aac -b:a 12k -movflags frag_keyframe+empty_moov -frag_duration 1000000 pieces.mp4
make "$tone" -c:a aac -b:a 12k tone.aac
make "$tone" -c:a alac alac.m4a
make "$tone" -c:a libopus -b:a 8k tone.webm
make "$tone" -c:a libopus -b:a 8k -f webm -live 1 live.webm
make "$tone" -c:a libvorbis -q:a 0 vorbis.webm
make "$tone" -c:a aac -b:a 12k aac.mka
make testsrc=d=3:size=64x48:rate=5 -c:v libvpx -b:v 10k film.webm
make testsrc=d=3:size=64x48:rate=5 -f lavfi -i sine=d=3:r=16000 -c:v libx264 -b:v 10k -c:a aac -b:a 12k film.mp4
